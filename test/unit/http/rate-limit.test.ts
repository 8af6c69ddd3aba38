// Limits as a client meets them: 429, when to come back, where it stands; no effect and no audit record for what is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modernCall, startHarness, type Harness } from '../../helpers/http-harness.ts';

interface JsonRpcRefusal {
  error: { code: number; data: { code: string; hint: string } };
  id: unknown;
}

const listTools = modernCall('tools/list');
const search = modernCall('tools/call', { name: 'search', arguments: { query: 'anna' } });
const fetchNote = modernCall('tools/call', { name: 'list_files', arguments: {} });

const send = (harness: Harness, call: { body: object; headers: Record<string, string> }, key: string) =>
  harness.post(call.body, { key, headers: call.headers });

test('requests a minute: every answer says where the key stands, one too many is 429 and does nothing', async () => {
  await using harness = await startHarness();
  const key = harness.limitedKey({ requestsPerMinute: 2 });
  const first = await send(harness, search, key);
  assert.equal(first.status, 200);
  assert.equal(first.headers.get('ratelimit-policy'), '"requests";q=2;w=60');
  assert.match(first.headers.get('ratelimit') ?? '', /^"requests";r=1;t=(60|59)$/);
  await send(harness, search, key);
  const audited = harness.audit.length;
  const refused = await send(harness, search, key);
  assert.equal(refused.status, 429);
  assert.match(refused.headers.get('ratelimit') ?? '', /^"requests";r=0;t=\d+$/);
  const seconds = Number(refused.headers.get('retry-after'));
  assert.ok(seconds >= 1 && seconds <= 60, String(seconds));
  const { error } = (await refused.json()) as JsonRpcRefusal;
  assert.deepEqual([error.code, error.data.code], [-32000, 'RATE_LIMITED']);
  assert.equal(harness.audit.length, audited, 'a refused request is not recorded one by one');
  assert.deepEqual(
    harness.limited.map(({ limit, principal }) => [limit, principal?.kind]),
    [['requests', 'key']],
  );
  // Another key does not feel it.
  assert.equal((await send(harness, search, harness.limitedKey({ requestsPerMinute: 1 }))).status, 200);
});

test('tool calls a minute: the other tools go on, and the refusal has the id of its call', async () => {
  await using harness = await startHarness();
  const key = harness.limitedKey({ requestsPerMinute: 100, toolCallsPerMinute: { search: 1 } });
  const first = await send(harness, search, key);
  assert.equal(first.headers.get('ratelimit-policy'), '"requests";q=100;w=60, "tool_calls:search";q=1;w=60');
  const refused = await send(harness, search, key);
  assert.equal(refused.status, 429);
  const body = (await refused.json()) as JsonRpcRefusal;
  assert.deepEqual([body.error.data.code, body.id], ['RATE_LIMITED', 1]);
  assert.equal((await send(harness, fetchNote, key)).status, 200);
  assert.equal((await send(harness, listTools, key)).status, 200);
  assert.deepEqual(
    harness.limited.map(({ limit, tool }) => [limit, tool]),
    [['tool_calls', 'search']],
  );
});

test('no limit, no header', async () => {
  await using harness = await startHarness();
  const answer = await harness.post(listTools.body, { headers: listTools.headers });
  assert.deepEqual(
    [answer.status, answer.headers.get('ratelimit'), answer.headers.get('ratelimit-policy')],
    [200, null, null],
  );
});

test('wrong keys of one address are 429 after a while; good keys from there go on, and so does who shows none', async () => {
  await using harness = await startHarness({ authFailuresPerMinute: 3 });
  const good = harness.keyOf('memory:read');
  const statuses: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const answer = await harness.post(listTools.body, { key: `mema_client_wrong_${i}`, headers: listTools.headers });
    statuses.push(answer.status);
    if (answer.status === 429) assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.equal((await harness.post(listTools.body, { key: good, headers: listTools.headers })).status, 200);
  }
  assert.deepEqual(statuses, [401, 401, 401, 429, 429]);
  assert.equal(harness.failures.length, 3, 'what is refused for its rate is not logged one by one');
  assert.equal((await harness.post(listTools.body, { key: null, headers: listTools.headers })).status, 401);
});

test('behind a trusted proxy each client has its own count; a forged X-Forwarded-For changes nothing', async () => {
  const wrong = (harness: Harness, forwardedFor: string): Promise<Response> =>
    harness.post(listTools.body, {
      key: 'mema_client_wrong',
      headers: { ...listTools.headers, 'x-forwarded-for': forwardedFor },
    });
  {
    await using harness = await startHarness({
      authFailuresPerMinute: 2,
      apps: { trustedProxies: ['127.0.0.1'] },
    });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i += 1) statuses.push((await wrong(harness, `198.51.100.${i}, 203.0.113.7`)).status);
    assert.deepEqual(statuses, [401, 401, 429, 429], 'what the client itself put in front does not count');
    assert.equal((await wrong(harness, '203.0.113.7, 203.0.113.8')).status, 401, 'another client is another');
  }
  await using untrusting = await startHarness({ authFailuresPerMinute: 2 });
  const statuses: number[] = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await wrong(untrusting, `203.0.113.${i}`)).status);
  assert.deepEqual(statuses, [401, 401, 429, 429], 'nobody is trusted, so nobody can choose an address');
});
