// Refusals that the SDK words have our code and hint too, and stay what the protocol wants.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHarness } from '../../helpers/http-harness.ts';

const CALL = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} };
const CASES: { name: string; body: unknown; headers?: Record<string, string>; status: number }[] = [
  { name: 'an envelope that is none', body: { jsonrpc: '1.0', id: 1 }, status: 400 },
  { name: 'a key that is __proto__', body: JSON.parse('{"__proto__":{},"id":1}'), status: 400 },
  { name: 'an unknown revision', body: CALL, headers: { 'mcp-protocol-version': '1999-01-01' }, status: 400 },
  { name: 'an answer that is not accepted', body: CALL, headers: { accept: 'text/html' }, status: 406 },
];

for (const { name, body, headers, status } of CASES) {
  test(`${name}: ${status} with a code and a hint`, async () => {
    await using harness = await startHarness();
    const response = await harness.post(body, headers === undefined ? {} : { headers });
    const answer = (await response.json()) as { error: { code: number; data: { code: string; hint: string } } };
    assert.equal(response.status, status);
    assert.ok(answer.error.code < 0);
    assert.equal(answer.error.data.code, 'INVALID_INPUT');
    assert.ok(answer.error.data.hint.length > 10);
  });
}
