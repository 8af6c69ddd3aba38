// MCP_TRANSPORT=dual: one process serves its own stdin and stdout and the listeners, on the same notes; the end of stdin ends
// only the first. Nothing but protocol is on stdout.
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { callTool, type ToolTarget } from '../helpers/call-tool.ts';
import { cleanEnvironment, MAIN, tempDirectory } from '../helpers/run-main.ts';
import { until } from '../helpers/until.ts';

interface Place {
  args: string[];
  env: Record<string, string>;
  path(name: string): string;
}

interface RpcMessage {
  id?: number;
  result?: { isError?: boolean; tools?: { name: string }[]; structuredContent?: Record<string, unknown> };
}

test('stdio and HTTP see the same notes; when stdin ends HTTP goes on', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const place = placeIn(home.path);
  const daemon = spawn(process.execPath, place.args, { cwd: home.path, env: place.env });
  const seen = watch(daemon);
  try {
    await until('the daemon listens', () => /"msg":"listening"/.test(seen.stderr()));
    const target = httpTarget(place, seen.stderr());
    const send = (id: number, name: string, args: object): void =>
      void daemon.stdin.write(
        `${JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } })}\n`,
      );
    daemon.stdin.write(
      `${JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'initialize',
        params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
      })}\n`,
    );
    await seen.answer(1);
    daemon.stdin.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
    send(2, 'create_file', { path: 'by-stdio.md', content: '# By stdio\n' });
    assert.notEqual((await seen.answer(2)).result?.isError, true);
    const fetched = await callTool(target, 'fetch', { id: 'by-stdio.md' });
    assert.equal(fetched.structured['text'], '# By stdio\n');
    assert.ok((await callTool(target, 'create_file', { path: 'by-http.md', content: '# By HTTP\n' })).ok);
    send(3, 'fetch', { id: 'by-http.md' });
    assert.equal((await seen.answer(3)).result?.structuredContent?.['text'], '# By HTTP\n');
    // Without a key HTTP stays closed, whatever stdio may do.
    assert.equal((await callTool({ ...target, key: 'none' }, 'fetch', { id: 'by-http.md' })).status, 401);

    // Asked with the last breath: the answer still comes.
    send(4, 'list_files', {});
    daemon.stdin.end();
    assert.ok((await seen.answer(4)).result);
    assert.ok((await callTool(target, 'fetch', { id: 'by-stdio.md' })).ok, 'HTTP ended with stdin');
    assert.equal(daemon.exitCode, null);
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null], seen.stderr());
    assert.equal(seen.messages().length, 4, 'something else was on stdout');
  } finally {
    daemon.kill('SIGKILL');
  }
});

test('SIGHUP belongs to the daemon, and SIGTERM ends both in order with stdin open', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const place = placeIn(home.path);
  const daemon = spawn(process.execPath, place.args, { cwd: home.path, env: place.env });
  const seen = watch(daemon);
  try {
    await until('the daemon listens', () => /"msg":"listening"/.test(seen.stderr()));
    daemon.kill('SIGHUP');
    await until('the configuration is read again', () => /"msg":"configuration reloaded"/.test(seen.stderr()));
    daemon.stdin.write('{"jsonrpc":"2.0","id":1,"method":"ping"}\n');
    assert.ok((await seen.answer(1)).result);
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null], seen.stderr());
    assert.match(seen.stderr(), /"state":"stopped"/);
  } finally {
    daemon.kill('SIGKILL');
  }
});

test('a client of the 1.x SDK starts it, lists and calls tools, and ends it', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const place = placeIn(home.path);
  const client = new Client({ name: 'test', version: '1' });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: place.args,
    env: place.env,
    cwd: home.path,
    stderr: 'ignore',
  });
  await client.connect(transport);
  const { pid } = transport;
  try {
    const { tools } = await client.listTools();
    assert.ok(tools.some(({ name }) => name === 'use_memory_agent'));
    const question = 'What is my favorite color?';
    const asked = await client.callTool({ name: 'use_memory_agent', arguments: { question } });
    assert.match(JSON.stringify(asked.content), /teal/);
  } finally {
    // It closes stdin, waits, then sends SIGTERM.
    await client.close();
  }
  await until('the process is gone', () => !isAlive(pid ?? 0));
});

function placeIn(home: string): Place {
  const path = (name: string): string => join(home, name);
  mkdirSync(path('memory'));
  writeFileSync(join(path('memory'), 'user.md'), '# User\n- user_name: Ada\n- favorite_color: teal\n');
  const listeners = ['--http.listen=127.0.0.1:0', '--ops.listen=127.0.0.1:0'];
  const places = [`--state.dir=${path('state')}`, `--runtime.dir=${path('run')}`, `--memory.dir=${path('memory')}`];
  return {
    path,
    args: [MAIN, 'serve', ...listeners, ...places, '--sandbox.standby=0'],
    env: cleanEnvironment(home, { MCP_TRANSPORT: 'dual' }),
  };
}

function watch(daemon: ChildProcessWithoutNullStreams): {
  stderr(): string;
  messages(): RpcMessage[];
  answer(id: number): Promise<RpcMessage>;
} {
  let out = '';
  let err = '';
  daemon.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  const messages = (): RpcMessage[] =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as RpcMessage);
  const find = (id: number): RpcMessage | undefined => messages().find((message) => message.id === id);
  return {
    stderr: () => err,
    messages,
    async answer(id) {
      await until(`an answer to ${id}`, () => find(id) !== undefined);
      return find(id) ?? {};
    },
  };
}

function httpTarget(place: Place, stderr: string): ToolTarget {
  const { http } = JSON.parse(/^.*"msg":"listening".*$/m.exec(stderr)?.[0] ?? '{}') as { http: string };
  const keys = readFileSync(join(place.path('state'), 'first-keys'), 'utf8');
  return { url: `${http}/mcp`, key: /^\s*client key\s+(\S+)$/m.exec(keys)?.[1] ?? '' };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
