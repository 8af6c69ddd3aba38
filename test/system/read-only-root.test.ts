// A root that is read-only by configuration, in a real daemon: everything that reads works, every way to write is refused with the fix,
// nothing on the disk changes, and the audit says who tried. And `.mem-agent-ignore` in it holds for all that reads.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditRecord } from '../../src/cli/admin-api-table.ts';
import { callTool, postJson, type ToolAnswer, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine, type Engine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const NOTES = {
  'user.md': '# Kim\n\n- city: Lisbon\n- sister: [[entities/anna]]\n',
  'entities/anna.md': '# Anna\n\n- works on: whales\n',
  'drafts/secret.md': '# The Draft\n\n- whales CANARY\n',
  '.mem-agent-ignore': 'drafts/\n',
};
const FIX = /read-only.*take readonly=true out of its entry in memory\.roots/;
const ALL_CHANGES = `import os
from pathlib import Path
out = []
def attempt(name, change):
    try:
        out.append(f"{name}: {change()}")
    except Exception as e:
        out.append(f"{name}: {type(e).__name__}: {e}")
attempt("create", lambda: create_file("new.md", "x"))
attempt("update", lambda: update_file("user.md", "Lisbon", "Porto"))
attempt("delete", lambda: delete_file("user.md"))
attempt("directory", lambda: create_dir("new"))
attempt("open", lambda: open("new.md", "w").write("x"))
attempt("rename", lambda: os.rename("user.md", "other.md"))
attempt("remove", lambda: os.remove("user.md"))
attempt("rmdir", lambda: os.rmdir("entities"))
attempt("pathlib", lambda: Path("entities/anna.md").write_text("x"))`;
const ALL_LOOKS = `out = []
for look in (
    lambda: read_file("entities/anna.md"),
    lambda: read_file("drafts/secret.md"),
    lambda: go_to_link("[[drafts/secret]]"),
    lambda: go_to_link("[[The Draft]]"),
    lambda: open("drafts/secret.md").read(),
    lambda: search_memory("whales", 50),
    lambda: list_files(),
    lambda: check_if_file_exists("drafts/secret.md"),
):
    try:
        out.append(look())
    except Exception as e:
        out.append(type(e).__name__)`;

const home = tempDirectory();
const frozen = join(home.path, 'frozen');
const ROOT = `name=frozen path=${frozen} readonly=true`;
let engine: Engine;
let daemon: DaemonProcess;
let key: ToolTarget & { id: string };
let digest = '';

before(async () => {
  for (const [path, text] of Object.entries(NOTES)) {
    mkdirSync(dirname(join(frozen, path)), { recursive: true });
    writeFileSync(join(frozen, path), text);
  }
  digest = digestOf(frozen);
  const run = (code: string): string[] => [
    `<think>do it</think>\n<python>\n${code}\n</python>`,
    '<think>done</think>\n<python></python>\n<reply>done</reply>',
  ];
  const rules = [
    { pattern: 'change it', replies: run(ALL_CHANGES) },
    { pattern: 'look around', replies: run(ALL_LOOKS) },
  ];
  engine = await startEngine({ script: { rules } });
  daemon = await startFrozen(['--model.base-url', engine.baseUrl]);
  key = await keyFor(daemon);
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

test('what reads works, and nothing of what .mem-agent-ignore names is there', async () => {
  const found = await callTool(key, 'search', { query: 'whales' });
  assert.match(found.text, /entities\/anna\.md/);
  const fetched = await callTool(key, 'fetch', { id: 'entities/anna.md' });
  assert.equal(fetched.structured['text'], NOTES['entities/anna.md']);
  const listed = await callTool(key, 'list_files', {});
  assert.match(listed.text, /anna\.md/);
  const resources = await rpc('resources/list', {});
  assert.match(resources, /memory:\/\/\/entities\/anna\.md/);
  assert.match(await rpc('resources/read', { uri: 'memory:///user.md' }), /Lisbon/);
  const looked = await resultOf('look around');
  assert.match(looked, /works on: whales/);

  const hidden = await callTool(key, 'fetch', { id: 'drafts/secret.md' });
  assert.equal(hidden.code, 'PATH_REFUSED');
  assert.match(hidden.text, /left out of this memory by \.mem-agent-ignore/);
  const hiddenResource = await rpc('resources/read', { uri: 'memory:///drafts/secret.md' });
  assert.match(hiddenResource, /not found/i);
  const canary = await callTool(key, 'search', { query: 'CANARY' });
  assert.deepEqual(canary.structured['results'], []);
  for (const text of [found.text, listed.text, resources]) assert.doesNotMatch(text, /CANARY|secret\.md/);
  for (const text of [hiddenResource, looked]) assert.doesNotMatch(text, /CANARY/);
  const status = await callTool(key, 'memory_status', {});
  assert.deepEqual([status.structured['notes'], status.structured['writable']], [2, false]);
  assert.match(String(status.structured['reason']), /read-only/);
  assert.equal(digestOf(frozen), digest);
});

test('what writes is refused with the fix: tools and Python; nothing changes, and the audit says who tried', async () => {
  const version = (await callTool(key, 'fetch', { id: 'user.md' })).structured['metadata'] as { version: string };
  const refusals: [string, Record<string, unknown>][] = [
    ['create_file', { path: 'new.md', content: 'x' }],
    ['create_file', { path: 'user.md', content: 'x', expected_version: version.version }],
    ['update_file', { path: 'user.md', old_content: 'Lisbon', new_content: 'Porto' }],
    ['delete_file', { path: 'user.md', expected_version: version.version }],
  ];
  for (const [tool, args] of refusals) {
    const { code, text } = await callTool(key, tool, args);
    assert.deepEqual([code, FIX.test(text)], ['PERMISSION_DENIED', true], `${tool}: ${text}`);
  }
  const lines = await resultOf('change it');
  assert.match(lines, /create: Exception: Error creating file new\.md: The memory root frozen is read-only/);
  assert.match(lines, FIX);
  assert.match(lines, /update: Error: Permission denied writing to/);
  for (const change of ['delete', 'directory']) assert.match(lines, new RegExp(`${change}: False`));
  for (const change of ['open', 'rename', 'remove', 'pathlib'])
    assert.match(lines, new RegExp(`${change}: PermissionError`), change);
  assert.match(lines, /rmdir: OSError/);
  assert.equal(digestOf(frozen), digest);

  for (const tool of ['create_file', 'update_file', 'delete_file']) {
    const [outcome] = await search('--action', `tool.${tool}`, '--outcome', 'denied');
    assert.deepEqual([outcome?.actorId, outcome?.code, outcome?.root], [key.id, 'PERMISSION_DENIED', 'frozen'], tool);
  }
  const refused = await search('--operation', 'note.refused');
  const paths = new Set(refused.filter(({ actorId }) => actorId === key.id).map(({ path }) => path));
  for (const path of ['new.md', 'user.md', 'new']) assert.ok(paths.has(path), path);
  assert.deepEqual(await search('--operation', 'note.write'), []);
  const events = await search('--security', '--action', 'security.access_denied');
  const tools = events.map(({ content }) => (JSON.parse(content ?? '{}') as { tool?: string }).tool);
  assert.deepEqual(new Set(tools), new Set(['create_file', 'update_file', 'delete_file', 'use_memory_agent']));
});

test('the builtin policy answers, and says what it takes when it is told to remember something', async () => {
  await using alone = await startFrozen([]);
  const own = await keyFor(alone);
  const ask = (question: string): Promise<ToolAnswer> => callTool(own, 'use_memory_agent', { question });
  assert.match((await ask('Where do I live?')).text, /Lisbon/);
  const told = await ask('Remember that my city is Porto');
  assert.doesNotMatch(told.text, /Noted/);
  assert.match(told.text, /could not write user\.md.*Permission denied.*readonly=true/s);
  assert.doesNotMatch(told.text, /try again\?/);
  assert.equal(digestOf(frozen), digest);
  const { stdout } = await alone.cli('audit', 'search', '--operation', 'note.refused', '--json');
  assert.deepEqual(
    (JSON.parse(stdout) as AuditRecord[]).map(({ actorId, path }) => [actorId, path]),
    [[own.id, 'user.md']],
  );
});

function startFrozen(flags: readonly string[]): Promise<DaemonProcess> {
  return startDaemon({ flags: ['--memory.roots', ROOT, ...flags] });
}

async function keyFor({ cli, url }: DaemonProcess): Promise<ToolTarget & { id: string }> {
  const made = await cli('keys', 'create', '--name', 'reader', '--root', 'frozen', '--json');
  assert.equal(made.code, 0, made.stderr);
  const { id, key: text } = JSON.parse(made.stdout) as { id: string; key: string };
  return { url, key: text, id };
}

async function search(...flags: string[]): Promise<AuditRecord[]> {
  const found = await daemon.cli('audit', 'search', '--json', ...flags);
  assert.equal(found.code, 0, found.stderr);
  return JSON.parse(found.stdout) as AuditRecord[];
}

async function rpc(method: string, params: object): Promise<string> {
  const response = await postJson(key, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  return await response.text();
}

/** What the model got back from its block. */
async function resultOf(question: string): Promise<string> {
  const answer = await callTool(key, 'use_memory_agent', { question });
  assert.ok(answer.ok, answer.text);
  const result = (await engine.requests()).at(-1)?.body.messages.at(-1)?.content ?? '';
  assert.match(result, /^<result>/);
  return result;
}

/** Names, modes, times of change and bytes: of every entry, folders and hidden ones too. */
function digestOf(directory: string): string {
  const hash = createHash('sha256');
  for (const name of ['.', ...readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted(byText)]) {
    const path = join(directory, name);
    const stats = statSync(path);
    hash.update(JSON.stringify([name, stats.mode, stats.mtimeMs, stats.ino]));
    if (stats.isFile()) hash.update(readFileSync(path));
  }
  return hash.digest('hex');
}

function byText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
