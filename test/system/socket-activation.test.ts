// A daemon on sockets that systemd opened: several under one name, a restart that loses no connection, nothing for children.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { listTree } from '../../src/sandbox/process-tree.ts';
import { holdPath, holdPort } from '../helpers/held-socket.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

function askHealth(target: { port: number } | { socketPath: string }): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request({ host: '127.0.0.1', ...target, path: '/health', agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    call.on('error', reject).end();
  });
}

test('two sockets under one name and one for operators; a connection made while nobody runs is answered', async () => {
  using directory = tempDirectory();
  const path = join(directory.path, 'http.sock');
  using unix = holdPath(path);
  using tcp = holdPort('127.0.0.1');
  using ops = holdPort('127.0.0.1');
  const sockets = [
    { name: 'http', fd: unix.fd },
    { name: 'http', fd: tcp.fd },
    { name: 'ops', fd: ops.fd },
  ];
  const stateDir = join(directory.path, 'state');
  {
    await using daemon = await startDaemon({ sockets, stateDir });
    assert.equal(daemon.url, `http://127.0.0.1:${tcp.port}/mcp`);
    assert.equal(daemon.opsUrl, `http://127.0.0.1:${ops.port}`);
    assert.deepEqual(await Promise.all([askHealth({ socketPath: path }), askHealth({ port: tcp.port })]), [200, 200]);
    const [children, held] = [await childrenOf(daemon.pid), socketsAt(daemon.pid)];
    assert.equal(held.length, sockets.length);
    for (const child of children)
      for (const socket of socketsAt(child)) assert.ok(!held.includes(socket), String(child));
  }
  // systemd still has the sockets: who connects now waits for the next daemon.
  const early = Promise.all([askHealth({ socketPath: path }), askHealth({ port: tcp.port })]);
  await using daemon = await startDaemon({ sockets, stateDir });
  assert.deepEqual(await early, [200, 200]);
  assert.equal((await daemon.stop()).code, 0);
});

test('an address that others can reach is refused while there is no key', async () => {
  using everywhere = holdPort('0.0.0.0');
  await assert.rejects(startDaemon({ sockets: [{ name: 'http', fd: everywhere.fd }] }), /no API key yet/);
});

/** What is behind descriptors 3 to 5, where systemd puts what it passes. */
function socketsAt(pid: number): string[] {
  const targets = readdirSync(`/proc/${pid}/fd`)
    .filter((fd) => ['3', '4', '5'].includes(fd))
    .map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
  return targets.filter((target) => target.startsWith('socket:'));
}

/** The sandbox keeps one process ready. */
async function childrenOf(pid: number): Promise<number[]> {
  const deadline = performance.now() + 20_000;
  while (performance.now() < deadline) {
    const children = listTree(pid).slice(1);
    if (children.length > 0) return children;
    await sleep(20);
  }
  throw new Error('the daemon has no child');
}
