// What a person or a client can get wrong, at the real daemon: each answer is clear, names the fix, and shows no stack.
// `says` is what the message must hold: the thing at fault and the way out.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { callTool, postJson, type ToolTarget } from '../helpers/call-tool.ts';
import { directoryContent } from '../helpers/directory-content.ts';
import { runMain, tempDirectory, type MainRun, type TempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { readOnly } from '../helpers/tmpfs-daemon.ts';

const STACK = /^\s+at .*[:(]/m;
const rpc = (method: string, params: unknown): string => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params });
const toolCall = (name: unknown, args: unknown): string => rpc('tools/call', { name, arguments: args });

describe('requests', () => {
  let daemon: DaemonProcess;
  let target: ToolTarget;
  before(async () => {
    daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
    target = { url: daemon.url, key: daemon.keys.client };
  });
  after(() => daemon[Symbol.asyncDispose]());

  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const cases: { name: string; body: string; status: number; says: RegExp }[] = [
    { name: 'no JSON', body: '{"jsonrpc": ', status: 400, says: /not valid JSON.*Send one JSON-RPC message/ },
    { name: 'an empty body', body: '', status: 400, says: /not valid JSON/ },
    { name: 'an array', body: `[${toolCall('search', {})}]`, status: 400, says: /one JSON-RPC message.*one by one/ },
    { name: 'a number', body: '7', status: 400, says: /one JSON-RPC message/ },
    { name: 'null', body: 'null', status: 400, says: /one JSON-RPC message/ },
    { name: 'deep nesting', body: deep, status: 400, says: /one JSON-RPC message|not valid JSON/ },
    { name: 'no method', body: '{"jsonrpc":"2.0","id":1}', status: 400, says: /./ },
    {
      name: 'a huge body',
      body: toolCall('search', { query: 'x'.repeat(2_000_000) }),
      status: 413,
      says: /max_body_bytes/,
    },
  ];
  for (const { name, body, status, says } of cases) {
    test(`${name}: ${status}`, async () => {
      const response = await postJson(target, body);
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.match(text, says);
      assert.doesNotMatch(text, STACK);
    });
  }

  const nested = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`) as Record<string, unknown>;
  const wrongArguments: { name: string; tool: string; args: Record<string, unknown>; says: RegExp }[] = [
    { name: 'a wrong type', tool: 'search', args: { query: 7 }, says: /query/ },
    { name: 'a missing argument', tool: 'fetch', args: {}, says: /id/ },
    { name: 'an unknown argument', tool: 'list_files', args: { pathh: 'x' }, says: /pathh/ },
    { name: 'an array for text', tool: 'use_memory_agent', args: { question: ['a'] }, says: /question/ },
    { name: 'nested arguments', tool: 'search', args: { query: nested }, says: /query/ },
    { name: 'an unknown tool', tool: 'format_disk', args: {}, says: /format_disk/ },
    { name: 'a path outside', tool: 'create_file', args: { path: '../out.md', content: 'x' }, says: /PATH_REFUSED/ },
    { name: 'a path with NUL', tool: 'fetch', args: { id: 'a\0b.md' }, says: /PATH_REFUSED/ },
    {
      name: 'a note too large',
      tool: 'create_file',
      args: { path: 'big.md', content: 'x'.repeat(1_100_000) },
      says: /max_file_bytes/,
    },
  ];
  for (const { name, tool, args, says } of wrongArguments) {
    test(`${name}: refused, nothing changed`, async () => {
      const notes = directoryContent(daemon.memoryDir);
      const answer = await callTool(target, tool, args);
      assert.equal(answer.ok, false, JSON.stringify(answer));
      assert.match(`${answer.code} ${answer.text}`, says);
      assert.doesNotMatch(answer.text, STACK);
      assert.doesNotMatch(answer.text, /\/tmp\/|node_modules|src\//, 'a path of the machine leaks');
      assert.deepEqual(directoryContent(daemon.memoryDir), notes);
    });
  }

  test('after all of that it answers as before, and no stack was logged', async () => {
    const answer = await callTool(target, 'search', { query: 'user' });
    assert.ok(answer.ok, answer.text);
    assert.doesNotMatch(daemon.stderr(), /"code":"INTERNAL"|"stack"/);
    assert.doesNotMatch(daemon.stderr(), STACK);
  });

  test('a second daemon on the same state is refused, the first goes on', async () => {
    using home = tempDirectory();
    const second = await serve(home, ['--state.dir', daemon.stateDir]);
    assert.equal(second.code, 1);
    assertTold(second, /STATE_LOCKED/, new RegExp(`process ${daemon.pid}`), /state\.dir/);
    assert.ok((await callTool(target, 'memory_status', {})).ok);
  });
});

describe('starting', () => {
  let home: TempDirectory;
  before(() => (home = tempDirectory()));
  after(() => home[Symbol.dispose]());

  const configFiles: { name: string; text: string; says: RegExp[] }[] = [
    {
      name: 'an unknown key',
      text: '[http]\nlissten = "127.0.0.1:0"\n',
      says: [/http\.lissten/, /http\.listen/, /config\.toml/],
    },
    { name: 'an unknown table', text: '[memmory]\ndir = "/x"\n', says: [/memmory/, /memory\.dir/, /config\.toml/] },
    { name: 'a wrong type', text: '[agent]\nmax_turns = "many"\n', says: [/agent\.max_turns/, /many/, /config\.toml/] },
    { name: 'a value out of range', text: '[agent]\nmax_turns = 0\n', says: [/agent\.max_turns/, /1000/] },
    { name: 'no TOML', text: '[agent\nmax_turns = 3\n', says: [/config\.toml/, /line 1/i] },
  ];
  for (const { name, text, says } of configFiles) {
    test(`a configuration file with ${name}: exit 78`, async () => {
      const file = join(home.path, 'config.toml');
      writeFileSync(file, text);
      const run = await serve(home, ['--config', file]);
      assert.equal(run.code, 78, run.stderr);
      assertTold(run, /CONFIG_INVALID/, ...says);
    });
  }

  test('an unknown flag, an unknown variable: exit 78 with the nearest name', async () => {
    const flag = await serve(home, ['--http.lisen', '127.0.0.1:0']);
    assert.equal(flag.code, 78, flag.stderr);
    assertTold(flag, /http\.lisen/, /http\.listen/);
    const variable = await runMain(serveArguments(home, []), { home: home.path, env: { MEM_AGENT_HTTP_LISTN: 'x' } });
    assert.equal(variable.code, 78, variable.stderr);
    assertTold(variable, /MEM_AGENT_HTTP_LISTN/, /MEM_AGENT_HTTP_LISTEN\b/);
  });

  test('a configuration file that does not exist: exit 78', async () => {
    const run = await serve(home, ['--config', join(home.path, 'absent.toml')]);
    assert.equal(run.code, 78, run.stderr);
    assertTold(run, /absent\.toml/);
  });

  test('a memory directory that is a file', async () => {
    const file = join(home.path, 'a-file');
    writeFileSync(file, 'keep me');
    const run = await serve(home, ['--memory.dir', file]);
    assert.ok(run.code === 1 || run.code === 78, String(run.code));
    assertTold(run, /a-file/, /is a file/, /memory\.dir/);
    assert.equal(directoryContent(home.path)['a-file'], 'keep me');
  });

  test('a memory directory below a file', async () => {
    writeFileSync(join(home.path, 'b-file'), 'keep me');
    const run = await serve(home, ['--memory.dir', join(home.path, 'b-file', 'notes')]);
    assert.ok(run.code === 1 || run.code === 78, String(run.code));
    assertTold(run, /b-file/, /memory\.dir/);
  });

  test('a memory directory that is missing is made, with a first note', async () => {
    const memoryDir = join(home.path, 'new', 'notes');
    await using daemon = await startDaemon({ memoryDir, flags: ['--sandbox.standby', '0'] });
    assert.deepEqual(readdirSync(memoryDir), ['user.md']);
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
  });

  test('a memory directory that is not writable: notes can be read, writing says what to do', async () => {
    const memoryDir = join(home.path, 'read-only');
    mkdirSync(memoryDir);
    writeFileSync(join(memoryDir, 'anna.md'), '# Anna\n\nLives in Lisbon.\n');
    await using daemon = await startDaemon({
      memoryDir,
      flags: ['--sandbox.standby', '0'],
      wrap: readOnly(memoryDir),
    });
    const target = { url: daemon.url, key: daemon.keys.client };
    assert.ok((await callTool(target, 'fetch', { id: 'anna.md' })).ok);
    const answer = await callTool(target, 'create_file', { path: 'bo.md', content: '# Bo\n' });
    assert.equal(answer.code, 'PERMISSION_DENIED', answer.text);
    assert.match(answer.text, /memory\.dir|writable|access/);
    const health = await fetch(`${daemon.opsUrl}/health`, {
      headers: { authorization: `Bearer ${daemon.keys.admin}` },
    });
    assert.match(await health.text(), /not writable/);
    assert.deepEqual(directoryContent(memoryDir), { 'anna.md': '# Anna\n\nLives in Lisbon.\n' });
  });

  test('a state directory that is not writable, or a file', async () => {
    const stateDir = join(home.path, 'read-only-state');
    mkdirSync(stateDir);
    const wrapped = serveArguments(home, ['--state.dir', stateDir]);
    const run = await runMain(wrapped, { home: home.path, wrap: readOnly(stateDir) });
    assert.equal(run.code, 1, run.stderr);
    assertTold(run, /read-only-state/, /writable|permission|state\.dir/i);
    writeFileSync(join(home.path, 'c-file'), '');
    const file = await serve(home, ['--state.dir', join(home.path, 'c-file')]);
    assert.ok(file.code === 1 || file.code === 78, file.stderr);
    assertTold(file, /c-file/, /state\.dir/);
  });

  test('a port that is taken: the message names key, address and way out', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = taken.address() as AddressInfo;
      for (const key of ['http.listen', 'ops.listen']) {
        const run = await serve(home, [`--${key}`, `127.0.0.1:${port}`]);
        assert.equal(run.code, 78, run.stderr);
        assertTold(run, new RegExp(key.replace('.', '\\.')), new RegExp(`127\\.0\\.0\\.1:${port}`), /another address/);
      }
    } finally {
      taken.close();
    }
  });

  test('control: the same start without a fault is ready', async () => {
    await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
    assert.ok((await callTool({ url: daemon.url, key: daemon.keys.client }, 'list_files', {})).ok);
  });
});

function serveArguments({ path }: TempDirectory, flags: readonly string[]): string[] {
  const defaults = {
    '--http.listen': '127.0.0.1:0',
    '--ops.listen': '127.0.0.1:0',
    '--state.dir': join(path, 'state'),
    '--runtime.dir': join(path, 'run'),
    '--memory.dir': join(path, 'memory'),
  };
  // A flag given twice is a list; so the test's own replaces the default.
  const kept = Object.entries(defaults).filter(([flag]) => !flags.includes(flag));
  return ['serve', ...kept.flat(), ...flags];
}

function serve(home: TempDirectory, flags: readonly string[]): Promise<MainRun> {
  return runMain(serveArguments(home, flags), { home: home.path });
}

function assertTold(run: MainRun, ...says: readonly RegExp[]): void {
  for (const expected of says) assert.match(run.stderr, expected);
  assert.doesNotMatch(run.stderr, STACK);
  assert.doesNotMatch(run.stderr, /INTERNAL|--debug/);
  assert.equal(run.stdout, '');
}
