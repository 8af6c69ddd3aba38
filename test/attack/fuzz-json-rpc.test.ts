// 10,000 JSON-RPC cases (MEMA_FULL=1: 1,000,000) at a real daemon: no 5xx, no hang over 1 s, no crash, every refusal with a
// code and a hint, nothing of the program's inside in an answer, and a whole audit at the end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postJson } from '../helpers/call-tool.ts';
import { runFuzz } from '../helpers/fuzz/fuzz-run.ts';
import { jsonRpcCase, type ListedTool } from '../helpers/fuzz/json-rpc-cases.ts';

const QUESTIONS_IN_A_THOUSAND = 3;

test('JSON-RPC', async (t) => {
  await runFuzz(
    {
      name: 'JSON-RPC',
      port: ({ url }) => Number(new URL(url).port),
      async prepare(daemon) {
        const target = { url: daemon.url, key: daemon.keys.client };
        const made = await daemon.cli('keys', 'create', '--name', 'reader', '--scopes', 'memory:read', '--json');
        const reader = (JSON.parse(made.stdout) as { key: string }).key;
        const response = await postJson(target, '{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}');
        const listed = /\{.*\}/s.exec(await response.text())?.[0] ?? '';
        const { tools } = (JSON.parse(listed) as { result: { tools: ListedTool[] } }).result;
        assert.ok(tools.length >= 8, `${tools.length} tools are listed`);
        return jsonRpcCase(
          tools,
          [daemon.keys.client, daemon.keys.client, reader, daemon.keys.admin],
          QUESTIONS_IN_A_THOUSAND,
        );
      },
    },
    (line) => t.diagnostic(line),
  );
});
