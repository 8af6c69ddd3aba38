// `mem-agent stdio` as clients run it: real processes, one daemon for all of them, and nothing left behind.
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { cleanEnvironment, MAIN } from '../helpers/run-main.ts';
import { SANDBOX_CACHE } from '../helpers/sandbox-cache.ts';

const DEADLINE_MS = 60_000;

let directory: string;
let shims: ChildProcessWithoutNullStreams[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ma-stdio-'));
  mkdirSync(join(directory, 'memory', 'entities'), { recursive: true });
  // The interpreter's snapshot takes seconds to build; it is the same for all.
  mkdirSync(SANDBOX_CACHE, { recursive: true });
  mkdirSync(join(directory, 'state'), { mode: 0o700 });
  symlinkSync(SANDBOX_CACHE, join(directory, 'state', 'sandbox'));
  writeFileSync(join(directory, 'memory', 'user.md'), '# User\n- name: Ada\n- likes: [[entities/zürich]]\n');
  writeFileSync(join(directory, 'memory', 'entities', 'zürich.md'), '# Zürich\n- a city by a lake\n');
});

afterEach(async () => {
  for (const shim of shims) {
    shim.kill('SIGKILL');
    if (shim.exitCode === null && shim.signalCode === null) await new Promise((resolve) => shim.once('exit', resolve));
  }
  shims = [];
  const status = await daemonStatus();
  if (status !== undefined) {
    process.kill(status.pid, 'SIGTERM');
    await until('the daemon ends', () => !isAlive(status.pid));
  }
  rmSync(directory, { recursive: true, force: true });
});

const shimArguments = (): string[] => [
  MAIN,
  'stdio',
  '--http.listen=127.0.0.1:0',
  '--ops.listen=127.0.0.1:0',
  '--sandbox.standby=0',
  `--state.dir=${join(directory, 'state')}`,
  `--runtime.dir=${join(directory, 'run')}`,
  `--memory.dir=${join(directory, 'memory')}`,
];

interface Shim {
  process: ChildProcessWithoutNullStreams;
  send(message: object): void;
  /** The answer to a request; every line of stdout must have been JSON. */
  answer(id: unknown): Promise<Record<string, unknown>>;
  stderr(): string;
}

function startShim(environment: Record<string, string> = {}): Shim {
  const child = spawn(process.execPath, shimArguments(), {
    env: cleanEnvironment(directory, environment),
    cwd: directory,
  });
  shims.push(child);
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.on('error', () => undefined);
  const messages = (): Record<string, unknown>[] =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    process: child,
    send: (message) => void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    answer: (id) =>
      until(`an answer to ${String(id)} (stderr: ${err})`, () => messages().find((message) => message['id'] === id)),
    stderr: () => err,
  };
}

async function until<T>(what: string, look: () => T | Promise<T>): Promise<NonNullable<T>> {
  for (const deadline = performance.now() + DEADLINE_MS; performance.now() < deadline; await sleep(25)) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
  }
  throw new Error(`waited in vain: ${what}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that ended but was not reaped yet does not count.
    return !/^State:\s+Z/m.test(existsSync(`/proc/${pid}/status`) ? readFileSync(`/proc/${pid}/status`, 'utf8') : '');
  } catch {
    return false;
  }
}

/** Asked over the admin socket, as the CLI does; undefined when nobody listens. */
function daemonStatus(): Promise<{ pid: number; attachedClients: number } | undefined> {
  return new Promise((resolve, reject) => {
    const call = request(
      { socketPath: join(directory, 'run', 'admin.sock'), path: '/admin/v1/status', agent: false },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (text: string) => (body += text));
        response.on('end', () => resolve(JSON.parse(body) as { pid: number; attachedClients: number }));
        response.on('error', reject);
      },
    );
    call.on('error', () => resolve(undefined));
    call.end();
  });
}

/** The exit code. */
async function ended(child: ChildProcessWithoutNullStreams): Promise<number | null> {
  await until('the shim ends', () => child.exitCode !== null || child.signalCode !== null);
  return child.exitCode;
}

test('a client of the 1.x SDK lists and calls tools; the daemon outlives it and knows that it went', async () => {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: shimArguments(),
      env: cleanEnvironment(directory),
      cwd: directory,
      stderr: 'ignore',
    }),
  );
  try {
    const { tools } = await client.listTools();
    assert.ok(tools.some((tool) => tool.name === 'use_memory_agent'));
    const found = await client.callTool({ name: 'fetch', arguments: { id: 'user.md' } });
    assert.match(JSON.stringify(found.content), /Ada/);
    const note = await client.readResource({ uri: `memory:///${encodeURI('entities/zürich.md')}` });
    assert.match(JSON.stringify(note.contents), /by a lake/);
    assert.equal((await daemonStatus())?.attachedClients, 1);
  } finally {
    await client.close();
  }
  await until('the lease is given back', async () => (await daemonStatus())?.attachedClients === 0);
});

test('requests of the 2026 revision pass with their headers, names that no header can hold too', async () => {
  const shim = startShim();
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 't', version: '1' },
  };
  shim.send({ id: 1, method: 'server/discover', params: { _meta } });
  shim.send({ id: 2, method: 'tools/call', params: { name: 'list_files', arguments: {}, _meta } });
  shim.send({ id: 3, method: 'resources/read', params: { uri: 'memory:///entities/zürich.md', _meta } });
  assert.match(JSON.stringify(await shim.answer(1)), /2026-07-28/);
  assert.match(JSON.stringify(await shim.answer(2)), /user\.md/);
  assert.match(JSON.stringify(await shim.answer(3)), /by a lake/);
});

test('two shims that start at once end with one daemon, and both answer', async () => {
  const both = [startShim(), startShim()];
  for (const shim of both)
    shim.send({
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 't', version: '1' } },
    });
  for (const shim of both) assert.ok('result' in (await shim.answer(1)), shim.stderr());
  const status = await daemonStatus();
  assert.equal(status?.attachedClients, 2);
  assert.equal(Number(readFileSync(join(directory, 'state', 'lock.pid'), 'utf8')), status.pid);
});

test('after a restart of the daemon the next message finds or starts one; bad lines are answered, not fatal', async () => {
  const shim = startShim();
  shim.process.stdin.write('this is no JSON\n');
  assert.equal(((await shim.answer(null))['error'] as { code: number }).code, -32700);
  shim.send({ id: 'a', method: 'ping' });
  await shim.answer('a');
  const first = (await daemonStatus())?.pid ?? 0;
  process.kill(first, 'SIGKILL');
  await until('the daemon is gone', () => !isAlive(first));
  shim.send({ id: 'b', method: 'ping' });
  assert.ok('result' in (await shim.answer('b')), shim.stderr());
  const second = (await daemonStatus())?.pid;
  assert.notEqual(second, undefined);
  assert.notEqual(second, first);
});

test('a daemon that is just ending is waited for, then a new one is started', async () => {
  // Holds the state lock as a draining daemon does, with no socket any more.
  const lock = new URL('../../src/store/state-lock.ts', import.meta.url).href;
  const script = `const { lockState } = await import('${lock}');
    globalThis.held = lockState(process.argv[1]); console.log('held'); setInterval(() => undefined, 1000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script, join(directory, 'state')]);
  shims.push(holder);
  await new Promise((resolve) => holder.stdout.once('data', resolve));
  const shim = startShim();
  shim.send({ id: 1, method: 'ping' });
  await until('a daemon met the lock', () => {
    const log = join(directory, 'state', 'daemon.log');
    return existsSync(log) && readFileSync(log, 'utf8').includes('STATE_LOCKED');
  });
  holder.kill('SIGKILL');
  assert.ok('result' in (await shim.answer(1)), shim.stderr());
});

test('the end of stdin ends the shim, after the answers that were under way', async () => {
  const shim = startShim();
  shim.send({ id: 1, method: 'ping' });
  shim.process.stdin.end();
  assert.ok('result' in (await shim.answer(1)));
  assert.equal(await ended(shim.process), 0);
});

test('the shim ends when its parent is gone, even if stdin stays open', async () => {
  // The parent hands its own stdin on, so that this test holds the other end open all the while.
  const script = `const { spawn } = require('node:child_process');
    const shim = spawn(process.execPath, ${JSON.stringify(shimArguments())}, { stdio: ['inherit', 'inherit', 'ignore'], cwd: ${JSON.stringify(directory)} });
    process.stderr.write(String(shim.pid) + '\\n');`;
  const parent = spawn(process.execPath, ['-e', script], { env: cleanEnvironment(directory) });
  shims.push(parent);
  let err = '';
  let out = '';
  parent.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  parent.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const pid = Number(await until('the pid of the shim', () => /^(\d+)\n/.exec(err)?.[1]));
  parent.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
  await until('an answer', () => out.includes('"id":1'));
  parent.kill('SIGKILL');
  await until('the shim ends', () => !isAlive(pid));
});

test('a daemon that cannot start is one clear line and exit 1, and stdout stays empty', async () => {
  rmSync(join(directory, 'state'), { recursive: true });
  writeFileSync(join(directory, 'state'), 'a file where the directory should be');
  const shim = startShim();
  assert.equal(await ended(shim.process), 1);
  assert.match(shim.stderr(), /^mem-agent: .*state/);
  assert.doesNotMatch(shim.stderr(), /\n\s+at /);
});

test('a wrong configuration ends the shim with 78 and says every problem', async () => {
  const shim = startShim({ MEM_AGENT_LOG_LEVEL: 'loud', MEM_AGENT_HTP: 'x' });
  assert.equal(await ended(shim.process), 78);
  assert.match(shim.stderr(), /MEM_AGENT_LOG_LEVEL[\s\S]*MEM_AGENT_HTTP|MEM_AGENT_HTP[\s\S]*MEM_AGENT_LOG_LEVEL/);
});
