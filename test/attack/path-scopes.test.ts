// Path scopes and roots against everything that can reach a note: Python in the sandbox, the builtin policy, tools, resources, search.
// Each vector is shown to work without a scope first, so that a refusal means something.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { callTool, postJson, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine, type Engine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { READ_VECTORS, WRITE_VECTORS, type PathVector } from './path-vectors.ts';

const home = tempDirectory();
const memoryDir = join(home.path, 'memory');
const workDir = join(home.path, 'work');
const secretDir = join(memoryDir, 'secret');
let engine: Engine;
let daemon: DaemonProcess;
let builtin: DaemonProcess;
const targets = {} as Record<'free' | 'scoped' | 'other', ToolTarget>;

before(async () => {
  plant();
  const vectors = [...READ_VECTORS, ...WRITE_VECTORS];
  const rules = vectors.map((vector, index) => ({
    pattern: `vector ${index}\\b`,
    replies: [
      `<think>try</think>\n<python>\n${vector.code.replaceAll('{root}', memoryDir)}\n</python>`,
      '<think>done</think>\n<python></python>\n<reply>done</reply>',
    ],
  }));
  engine = await startEngine({ script: { rules } });
  const flags = ['--memory.roots', `name=work path=${workDir}`];
  daemon = await startDaemon({ memoryDir, flags: [...flags, '--model.base-url', engine.baseUrl] });
  targets.free = { url: daemon.url, key: daemon.keys.client };
  targets.scoped = {
    url: daemon.url,
    key: await keyFor(daemon, ['--read-path', 'projects/', '--write-path', 'projects/']),
  };
  targets.other = { url: daemon.url, key: await keyFor(daemon, ['--root', 'work']) };
});
after(async () => {
  await daemon[Symbol.asyncDispose]();
  await engine[Symbol.asyncDispose]();
  home[Symbol.dispose]();
});

test('Python that reads: each vector gets a note out without a scope, none with one, none from another root', async () => {
  for (const [index, vector] of READ_VECTORS.entries()) {
    assert.match(await resultOf(targets.free, index), /CANARY/, `control: ${vector.name}`);
    plant();
    for (const [caller, target] of [
      ['scoped', targets.scoped],
      ['other', targets.other],
    ] as const) {
      const result = await resultOf(target, index);
      assert.doesNotMatch(result, /CANARY/, `${vector.name} by ${caller}: ${result}`);
    }
  }
});

test('Python that writes: each vector changes the folder without a scope, none with one, none from another root', async () => {
  const untouched = secrets();
  for (const [at, vector] of WRITE_VECTORS.entries()) {
    const index = READ_VECTORS.length + at;
    await resultOf(targets.free, index, vector);
    assert.notDeepEqual(secrets(), untouched, `control: ${vector.name}`);
    plant();
    for (const target of [targets.scoped, targets.other]) {
      const result = await resultOf(target, index, vector);
      assert.deepEqual(secrets(), untouched, `${vector.name}: ${result}`);
      plant();
    }
  }
});

test('tools and resources: nothing of the other notes, and the same answer as for a note that is not there', async () => {
  const { free, scoped, other } = targets;
  const looks: [string, (target: ToolTarget) => Promise<string>][] = [
    ['fetch', async (target) => JSON.stringify(await callTool(target, 'fetch', { id: 'secret/vault.md' }))],
    [
      'fetch by URI',
      async (target) => JSON.stringify(await callTool(target, 'fetch', { id: 'memory:///secret/vault.md' })),
    ],
    [
      'fetch through a link',
      async (target) => JSON.stringify(await callTool(target, 'fetch', { id: 'projects/leak.md' })),
    ],
    ['search', async (target) => JSON.stringify(await callTool(target, 'search', { query: 'whales' }))],
    ['list_files', async (target) => JSON.stringify(await callTool(target, 'list_files', {}))],
    ['resources/list', (target) => rpc(target, 'resources/list', {})],
    ['resources/read', (target) => rpc(target, 'resources/read', { uri: 'memory:///secret/vault.md' })],
    ['resources/read, encoded', (target) => rpc(target, 'resources/read', { uri: 'memory:///secret%2Fvault.md' })],
  ];
  for (const [name, look] of looks) {
    assert.match(await look(free), /CANARY/, `control: ${name}`);
    for (const target of [scoped, other]) assert.doesNotMatch(await look(target), /CANARY/, name);
  }
  const missing = await callTool(scoped, 'fetch', { id: 'secret/nothing.md' });
  const hidden = await callTool(scoped, 'fetch', { id: 'secret/vault.md' });
  assert.deepEqual(hidden.text.replace('vault', 'nothing'), missing.text);
  const { structured } = await callTool(scoped, 'memory_status', {});
  assert.equal(structured['notes'], 1);
});

test('the builtin policy answers from the caller’s notes only', async () => {
  builtin = await startDaemon({ memoryDir, flags: ['--memory.roots', `name=work path=${workDir}`] });
  try {
    const question = { question: 'What is the code of the vault?' };
    const scopedKey = await keyFor(builtin, ['--read-path', 'projects/']);
    const otherKey = await keyFor(builtin, ['--root', 'work']);
    const free = await callTool({ url: builtin.url, key: builtin.keys.client }, 'use_memory_agent', question);
    assert.match(free.text, /CANARY/, 'control');
    for (const key of [scopedKey, otherKey]) {
      const answer = await callTool({ url: builtin.url, key }, 'use_memory_agent', question);
      assert.ok(answer.ok, answer.text);
      assert.doesNotMatch(answer.text, /CANARY/);
    }
  } finally {
    await builtin[Symbol.asyncDispose]();
  }
});

/** Every name below the folder, and what the files hold. */
function secrets(): string[] {
  const entries = readdirSync(secretDir, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return entry.isFile() ? `${path}: ${readFileSync(path, 'utf8')}` : path;
    })
    .toSorted();
}

function plant(): void {
  rmSync(secretDir, { recursive: true, force: true });
  for (const folder of ['projects', 'secret']) mkdirSync(join(memoryDir, folder), { recursive: true });
  mkdirSync(workDir, { recursive: true });
  writeFileSync(join(workDir, 'user.md'), '# Work\n');
  writeFileSync(join(memoryDir, 'user.md'), '# Kim\n\n- vault: [[secret/vault]]\n');
  writeFileSync(join(memoryDir, 'projects/ark.md'), '# Ark\n\nwhales\n');
  rmSync(join(memoryDir, 'projects/mine.md'), { force: true });
  writeFileSync(join(secretDir, 'vault.md'), `# The Vault\n\n- code: CANARY7\n- whales CANARY ${'x'.repeat(100)}\n`);
  writeFileSync(join(secretDir, 'CANARY-by-name.md'), '# Whales\n\nwhales whales\n');
  rmSync(join(memoryDir, 'projects/door'), { force: true });
  rmSync(join(memoryDir, 'projects/leak.md'), { force: true });
  symlinkSync('../secret', join(memoryDir, 'projects/door'));
  symlinkSync('../secret/vault.md', join(memoryDir, 'projects/leak.md'));
}

async function keyFor({ cli }: DaemonProcess, flags: readonly string[]): Promise<string> {
  const made = await cli('keys', 'create', '--name', 'attacker', '--json', ...flags);
  assert.equal(made.code, 0, made.stderr);
  return (JSON.parse(made.stdout) as { key: string }).key;
}

/** What the vector's block handed back to the model. */
async function resultOf(target: ToolTarget, index: number, vector?: PathVector): Promise<string> {
  const before = (await engine.requests()).length;
  const answer = await callTool(target, 'use_memory_agent', { question: `vector ${index}` });
  assert.ok(answer.ok, `${vector?.name ?? index}: ${answer.text}`);
  const requests = (await engine.requests()).slice(before);
  const result = requests.at(-1)?.body.messages.at(-1)?.content ?? '';
  assert.match(result, /^<result>/);
  return result;
}

async function rpc(target: ToolTarget, method: string, params: object): Promise<string> {
  const response = await postJson(target, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }));
  return await response.text();
}
