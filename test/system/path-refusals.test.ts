// A path out of the root or of the key's paths is a security event, whoever named it: a tool, a resource, or Python that a model wrote.
// Actor and request are those of the call; however many paths are tried, the audit gets one row a caller, cause and minute.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AuditRecord } from '../../src/cli/admin-api-table.ts';
import { callTool, postJson, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const TRIES = 40;
const CODE = `seen = []
for i in range(${TRIES}):
    seen.append(read_file(f"secret/{i}.md"))
for path in ("/etc/passwd", "../../etc/passwd"):
    seen.append(read_file(path))
try:
    create_file("secret/new.md", "x")
except Exception as e:
    seen.append(type(e).__name__)`;

interface SecurityRow {
  tool: string | undefined;
  method: string | undefined;
  code: string | null;
  count: number;
}

test('tools, resources and Python: path_refused with the caller and its request, summed up', async () => {
  using home = tempDirectory();
  const memoryDir = join(home.path, 'memory');
  for (const folder of ['projects', 'secret']) mkdirSync(join(memoryDir, folder), { recursive: true });
  writeFileSync(join(memoryDir, 'projects/ark.md'), '# Ark\n');
  writeFileSync(join(memoryDir, 'secret/1.md'), '# CANARY\n');
  const replies = [
    `<think>try</think>\n<python>\n${CODE}\n</python>`,
    '<think>done</think>\n<python></python>\n<reply>done</reply>',
  ];
  await using engine = await startEngine({ script: { rules: [{ pattern: 'try them', replies }] } });
  await using daemon = await startDaemon({ memoryDir, flags: ['--model.base-url', engine.baseUrl] });
  const scoped = await keyFor(daemon);

  const fetched = await callTool(scoped, 'fetch', { id: 'secret/1.md' });
  assert.equal(fetched.code, 'NOT_FOUND');
  await callTool(scoped, 'create_file', { path: 'secret/new.md', content: 'x' });
  const inside = await callTool(scoped, 'fetch', { id: 'projects/none.md' });
  assert.equal(inside.code, 'NOT_FOUND');
  for (const uri of ['memory:///secret/1.md', 'memory:///..%2Fx.md', 'memory:///projects/none.md']) {
    const params = { uri };
    const answer = await postJson(scoped, JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params }));
    assert.match(await answer.text(), /not found/i);
  }
  const asked = await callTool(scoped, 'use_memory_agent', { question: 'try them' });
  assert.ok(asked.ok, asked.text);
  const result = (await engine.requests()).at(-1)?.body.messages.at(-1)?.content ?? '';
  assert.match(result, /outside the memory root/);
  assert.doesNotMatch(result, /CANARY/);

  // The stop writes what was counted; the store says it afterwards.
  await daemon.stop();
  const { items } = await search(daemon, '--security', '-n', '1000');
  const events = items.filter(({ action, actorId }) => action === 'security.path_refused' && actorId === scoped.id);
  const summed = new Map<string, number>();
  for (const row of events.map(rowOf)) {
    const name = `${row.tool ?? row.method} ${row.code}`;
    summed.set(name, (summed.get(name) ?? 0) + row.count);
  }
  assert.deepEqual(Object.fromEntries(summed), {
    'create_file PERMISSION_DENIED': 1,
    'fetch NOT_FOUND': 1,
    'resources/read NOT_FOUND': 2,
    'use_memory_agent NOT_FOUND': TRIES,
    'use_memory_agent PATH_REFUSED': 2,
    'use_memory_agent PERMISSION_DENIED': 1,
  });
  assert.ok(events.length < 20, `${events.length} rows`);

  // Each leads to its call, and the call names the paths.
  for (const event of events) {
    const { tool } = rowOf(event);
    const call = await search(daemon, '--request', event.requestId, '-n', '1000');
    const intent = call.items.find(({ kind }) => kind === 'intent');
    assert.equal(intent?.action, tool === undefined ? 'resource.read' : `tool.${tool}`);
    assert.equal(intent?.actorId, scoped.id);
    if (tool !== 'use_memory_agent') continue;
    const refused = call.items.filter(({ operation }) => operation === 'note.refused').map(({ path }) => path);
    assert.equal(refused.length, TRIES + 3);
    for (const path of ['secret/7.md', '/etc/passwd', '../../etc/passwd', 'secret/new.md']) {
      assert.ok(refused.includes(path), path);
    }
  }
});

function rowOf({ content, code }: AuditRecord): SecurityRow {
  const { tool, method, count } = JSON.parse(content ?? '{}') as { tool?: string; method?: string; count: number };
  return { tool, method, code, count };
}

async function search({ cli }: DaemonProcess, ...flags: string[]): Promise<{ items: AuditRecord[] }> {
  const found = await cli('audit', 'search', '--json', ...flags);
  assert.equal(found.code, 0, found.stderr);
  return { items: JSON.parse(found.stdout) as AuditRecord[] };
}

async function keyFor(daemon: DaemonProcess): Promise<ToolTarget & { id: string }> {
  const paths = ['--read-path', 'projects/', '--write-path', 'projects/'];
  const made = await daemon.cli('keys', 'create', '--name', 'scoped', '--json', ...paths);
  assert.equal(made.code, 0, made.stderr);
  const { id, key } = JSON.parse(made.stdout) as { id: string; key: string };
  return { url: daemon.url, key, id };
}
