// Where an engine listens: free, reachable from this machine only, and the same over restarts.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { chooseEngineAddress, endpointOf } from '../../../src/worker/engine-address.ts';
import type { EngineAddress } from '../../../src/worker/launch-plan.ts';
import { defaultWorkerOptions, type WorkerOptions } from '../../../src/worker/worker-options.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

const choose = (options: Partial<WorkerOptions>, previous: EngineAddress | null = null): Promise<EngineAddress> =>
  chooseEngineAddress(
    { ...defaultWorkerOptions, profile: 'llamacpp', model: 'm', runtimeDirectory: '/run/m', ...options },
    previous,
    Math.random,
  );

async function occupy(
  where: { host: string; port: number } | { path: string },
): Promise<AsyncDisposable & { port: number }> {
  const server = createServer().listen(where);
  await once(server, 'listening');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))),
  };
}

test('vllm, and a command that asks for it, get a socket; others a loopback port', async () => {
  const path = '/run/m/worker-engine.sock';
  assert.deepEqual(await choose({ profile: 'vllm' }), { kind: 'unix', path });
  assert.deepEqual(await choose({ profile: 'command', args: ['--uds={socket}'] }), { kind: 'unix', path });
  for (const profile of ['mlx', 'llamacpp', 'lmstudio', 'command'] as const) {
    const address = await choose({ profile });
    assert.ok(
      address.kind === 'tcp' && address.host === '127.0.0.1' && address.port >= 18_400 && address.port < 18_800,
    );
  }
});

test('a path that is too long for a socket means a port', async () => {
  assert.equal((await choose({ profile: 'vllm', runtimeDirectory: `/run/${'x'.repeat(120)}` })).kind, 'tcp');
});

test('the port stays as long as it is free', async () => {
  const first = await choose({});
  assert.deepEqual(await choose({}, first), first);
  assert.ok(first.kind === 'tcp');
  await using _other = await occupy({ host: '127.0.0.1', port: first.port });
  assert.notDeepEqual(await choose({}, first), first);
});

test('a configured port that is taken is an error, never another port', async () => {
  await using other = await occupy({ host: '127.0.0.1', port: 0 });
  await assert.rejects(choose({ listen: `127.0.0.1:${other.port}` }), {
    code: 'WORKER_FAILED',
    hint: /worker\.listen/,
  });
});

test('an engine must not be reachable from elsewhere', async () => {
  for (const listen of ['0.0.0.0:8000', '192.168.1.5:8000', '[::]:8000', 'example.org:8000', 'unix:a.sock'])
    await assert.rejects(choose({ listen }), { code: 'CONFIG_INVALID' }, listen);
});

test('a stale socket makes room, a living one and a file do not', async () => {
  using home = tempDirectory();
  const listen = `unix:${home.path}/engine.sock`;
  {
    await using _living = await occupy({ path: `${home.path}/engine.sock` });
    await assert.rejects(choose({ listen }), /listening on/);
  }
  assert.deepEqual(await choose({ listen }), { kind: 'unix', path: `${home.path}/engine.sock` });
  writeFileSync(`${home.path}/engine.sock`, '');
  await assert.rejects(choose({ listen }), /not a socket/);
});

test('the address as requests use it', () => {
  assert.equal(endpointOf({ kind: 'unix', path: '/a.sock' }).baseUrl, 'unix:/a.sock');
  assert.equal(endpointOf({ kind: 'tcp', host: '127.0.0.1', port: 1 }).baseUrl, 'http://127.0.0.1:1/v1');
  assert.equal(endpointOf({ kind: 'tcp', host: '::1', port: 1 }).baseUrl, 'http://[::1]:1/v1');
});
