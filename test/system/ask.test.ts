// `mem-agent ask`: one question from a terminal, to the daemon that runs, to one that it starts, or to another machine's with a key.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { mistypedKey } from '../helpers/mistyped-key.ts';
import { runMain, tempDirectory, type MainRun } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

const QUESTION = 'What is my favorite color?';

test('ask the daemon that runs: text, one JSON document, and a fact that is kept', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  await using daemon = await startDaemon({ memoryDir: memoryIn(home.path), flags: ['--sandbox.standby', '0'] });
  const said = await daemon.cli('ask', QUESTION);
  assert.deepEqual([said.code, said.stderr], [0, '']);
  assert.match(said.stdout, /teal/);
  const json = await daemon.cli('ask', '--json', QUESTION);
  const { reply, backend, degraded } = JSON.parse(json.stdout) as Record<string, unknown>;
  assert.match(String(reply), /teal/);
  assert.deepEqual([backend, degraded], ['builtin', true]);

  assert.equal((await daemon.cli('ask', 'Remember that my boat is called Selma')).code, 0);
  assert.match((await daemon.cli('ask', 'What is my boat called?')).stdout, /Selma/);
  const tail = await daemon.cli('audit', 'export');
  const asked = tail.stdout
    .split('\n')
    .filter((line) => /"tool\.use_memory_agent"/.test(line) && /"intent"/.test(line));
  assert.equal(asked.length, 4, tail.stdout);
  assert.ok(asked.every((line) => /"local"/.test(line)));
});

test(
  'ask with --url and a key goes over HTTP; a key that is wrong is one clear line',
  { timeout: 180_000 },
  async () => {
    using home = tempDirectory();
    using other = tempDirectory();
    await using daemon = await startDaemon({ memoryDir: memoryIn(home.path), flags: ['--sandbox.standby', '0'] });
    const keyFile = join(other.path, 'key');
    writeFileSync(keyFile, `${daemon.keys.client}\n`);
    const ask = (...args: string[]): Promise<MainRun> => runMain(['ask', ...args, QUESTION], { home: other.path });
    assert.match((await ask('--url', daemon.url, '--key-file', keyFile)).stdout, /teal/);
    const byVariable = await runMain(['ask', QUESTION], {
      home: other.path,
      env: { MEM_AGENT_URL: daemon.url, MEM_AGENT_KEY: daemon.keys.client },
    });
    assert.match(byVariable.stdout, /teal/);

    const readOnly = join(other.path, 'read-only');
    const made = await daemon.cli('keys', 'create', '--name', 'reader', '--scopes', 'memory:read', '--json');
    writeFileSync(readOnly, (JSON.parse(made.stdout) as { key: string }).key);
    writeFileSync(keyFile, `${mistypedKey(daemon.keys.client)}\n`);
    for (const [refused, expected] of [
      [await ask('--url', daemon.url, '--key-file', keyFile), /key/i],
      [await ask('--url', daemon.url), /key/i],
      [await ask('--url', daemon.url, '--key-file', join(other.path, 'gone')), /cannot be read/],
      [await ask('--url', 'nonsense'), /is not a URL/],
      [await ask('--url', await closedUrl(), '--key-file', keyFile), /cannot be reached: ECONNREFUSED/],
    ] as const) {
      assert.equal(refused.code, 1, refused.stdout);
      assert.match(refused.stderr, expected);
      assert.equal(refused.stdout, '');
      assert.doesNotMatch(refused.stderr, /^ {4}at /m);
      assert.doesNotMatch(refused.stderr, /mema_\w|\{/);
    }
  },
);

test('ask starts a daemon when none runs; it stays for the next question', { timeout: 180_000 }, async () => {
  using home = tempDirectory();
  const flags = [
    '--http.listen=127.0.0.1:0',
    '--ops.listen=127.0.0.1:0',
    '--sandbox.standby=0',
    `--state.dir=${join(home.path, 'state')}`,
    `--runtime.dir=${join(home.path, 'run')}`,
    `--memory.dir=${memoryIn(home.path)}`,
  ];
  const run = (...args: string[]): Promise<MainRun> => runMain([...args, ...flags], { home: home.path });
  const first = await run('ask', QUESTION);
  const status = JSON.parse((await run('status', '--json')).stdout) as { pid: number };
  try {
    assert.match(first.stdout, /teal/, first.stderr);
    assert.match((await run('ask', QUESTION)).stdout, /teal/);
    assert.equal((JSON.parse((await run('status', '--json')).stdout) as { pid: number }).pid, status.pid);
  } finally {
    process.kill(status.pid, 'SIGTERM');
    await until('the daemon ends', () => !isAlive(status.pid));
  }
});

function memoryIn(home: string): string {
  const directory = join(home, 'memory');
  mkdirSync(directory);
  writeFileSync(join(directory, 'user.md'), '# User\n- user_name: Ada\n- favorite_color: teal\n');
  return directory;
}

/** An address that nobody listens at any more. */
async function closedUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}/mcp`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
