// Listeners: where they listen, what they refuse with which advice, slow clients, too many connections, and draining.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Hono } from 'hono';
import type { HttpEnv } from '../../../src/http/env.ts';
import { parseListenAddress } from '../../../src/config/listen-address.ts';
import { requireKeysForPublicAddress, takeSystemdSockets } from '../../../src/http/listen-address.ts';
import { openListener, type ListenerOptions } from '../../../src/http/listeners.ts';

const LOOPBACK: Pick<ListenerOptions, 'address' | 'key'> = {
  address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
  key: 'http.listen',
};

function helloApp(): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get('/', (c) => c.text('hello'));
}

/** Everything the other side says until it closes. */
async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  return text;
}

test('sockets from systemd are for one process only, and no child sees them', () => {
  const environment = { LISTEN_FDS: '3', LISTEN_PID: '77', LISTEN_FDNAMES: 'http:ops:http', PATH: '/bin' };
  const mine: Record<string, string | undefined> = { ...environment };
  assert.deepEqual(
    [...takeSystemdSockets(mine, 77)],
    [
      ['http', [3, 5]],
      ['ops', [4]],
    ],
  );
  assert.deepEqual(mine, { PATH: '/bin' });
  assert.equal(takeSystemdSockets({ ...environment }, 78).size, 0);
  assert.equal(takeSystemdSockets({}, 77).size, 0);
});

test('an address that others can reach needs a key first', () => {
  const everywhere = parseListenAddress('0.0.0.0:8081');
  assert.throws(() => requireKeysForPublicAddress(everywhere, 'http.listen', false), /no API key yet/);
  requireKeysForPublicAddress(everywhere, 'http.listen', true);
  requireKeysForPublicAddress(parseListenAddress('[::1]:1'), 'http.listen', false);
});

test('a taken port and a missing directory name the key and the fix', async () => {
  await using first = await openListener(helloApp(), LOOPBACK);
  const taken = { kind: 'tcp', host: '127.0.0.1', port: first.port ?? 0 } as const;
  await assert.rejects(
    openListener(helloApp(), { address: taken, key: 'http.listen' }),
    (error: Error & { code: string; hint: string }) => {
      assert.equal(error.code, 'CONFIG_INVALID');
      assert.match(error.message, /http\.listen: can't listen on 127\.0\.0\.1/);
      assert.match(error.hint, /already listens/);
      return true;
    },
  );
  await assert.rejects(
    openListener(helloApp(), { address: { kind: 'unix', path: '/nonexistent/dir/x.sock' }, key: 'admin.socket' }),
    /admin\.socket/,
  );
});

test('a Unix socket is 0600, a stale one is replaced, a living one and a file are not', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mem-sock-'));
  try {
    const path = join(directory, 'a.sock');
    const options: ListenerOptions = { address: { kind: 'unix', path }, key: 'admin.socket' };
    const mask = process.umask();
    {
      await using listener = await openListener(helloApp(), options);
      assert.equal(listener.url, `unix:${path}`);
      assert.equal(statSync(path).mode & 0o777, 0o600);
      await assert.rejects(openListener(helloApp(), options), /another process is listening/);
    }
    assert.equal(process.umask(), mask);
    const file = join(directory, 'file');
    writeFileSync(file, 'precious');
    await assert.rejects(
      openListener(helloApp(), { ...options, address: { kind: 'unix', path: file } }),
      /not a socket/,
    );
    assert.equal(statSync(file).size, 8);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

test('slow headers and slow bodies are cut off', async () => {
  await using listener = await openListener(helloApp(), { ...LOOPBACK, headersTimeoutMs: 200, requestTimeoutMs: 400 });
  const silent = connect(listener.port ?? 0, '127.0.0.1');
  const slowHeaders = connect(listener.port ?? 0, '127.0.0.1');
  slowHeaders.write('GET / HTTP/1.1\r\nHost: x\r\n');
  const slowBody = connect(listener.port ?? 0, '127.0.0.1');
  slowBody.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx');
  const [first, second, third] = await Promise.all([readAll(silent), readAll(slowHeaders), readAll(slowBody)]);
  assert.match(first + second, /408/);
  assert.match(third, /^HTTP\/1\.1 (404|408)/);
});

test('connections are capped by address; a trusted proxy is not', async () => {
  const refused: string[] = [];
  const open = (port: number): Socket => connect(port, '127.0.0.1').on('error', () => undefined);
  {
    await using listener = await openListener(helloApp(), {
      ...LOOPBACK,
      maxConnectionsPerAddress: 2,
      onConnectionRefused: (reason) => refused.push(reason),
    });
    const sockets = [open(listener.port ?? 0), open(listener.port ?? 0)];
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    const third = open(listener.port ?? 0);
    await once(third, 'close');
    assert.deepEqual(refused, ['address']);
    for (const socket of sockets) socket.destroy();
    while (listener.traffic().connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal((await fetch(listener.url)).status, 200);
  }
  {
    await using listener = await openListener(helloApp(), {
      ...LOOPBACK,
      maxConnectionsPerAddress: 1,
      trustedProxies: ['127.0.0.0/8'],
    });
    const sockets = [open(listener.port ?? 0), open(listener.port ?? 0)];
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    assert.equal((await fetch(listener.url)).status, 200);
    for (const socket of sockets) socket.destroy();
  }
});

test('drain: no new connection, the request in flight ends well, an idle keep-alive is closed', async () => {
  const started = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const app = helloApp().get('/slow', async (c) => {
    started.resolve();
    await release.promise;
    return c.text('finished');
  });
  const listener = await openListener(app, LOOPBACK);
  const answer = fetch(`${listener.url}/slow`);
  await started.promise;
  const drained = listener.drain(60_000);
  await assert.rejects(fetch(listener.url));
  release.resolve();
  assert.equal(await (await answer).text(), 'finished');
  await drained;
});

test('drain: who was accepted a moment before it is answered; who then says nothing is not waited for', async () => {
  const listener = await openListener(helloApp(), LOOPBACK);
  const port = listener.port ?? 0;
  // Its bytes are there when the connection is accepted, but not read yet when the drain begins.
  const eager = connect(port, '127.0.0.1', () => eager.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'));
  const slow = connect(port, '127.0.0.1');
  const silent = connect(port, '127.0.0.1');
  const answers = Promise.all([eager, slow, silent].map(readAll));
  while (listener.traffic().connections < 3) await new Promise((resolve) => setImmediate(resolve));
  const startedMs = performance.now();
  const drained = listener.drain(60_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await drained;
  const [toEager, toSlow, toSilent] = await answers;
  assert.match(toEager ?? '', /hello$/);
  assert.match(toSlow ?? '', /hello$/);
  assert.equal(toSilent, '');
  assert.ok(performance.now() - startedMs < 20_000);
});

test('drain: what is not done at the deadline is cut', async () => {
  const started = Promise.withResolvers<void>();
  const app = helloApp().get('/stuck', () => {
    started.resolve();
    return new Promise<Response>(() => undefined);
  });
  const listener = await openListener(app, LOOPBACK);
  const answer = assert.rejects(fetch(`${listener.url}/stuck`));
  await started.promise;
  await listener.drain(20);
  await answer;
});

test('bytes are counted while a connection is open and once it is gone', async () => {
  await using listener = await openListener(helloApp(), LOOPBACK);
  const socket = connect(listener.port ?? 0, '127.0.0.1');
  const text = 'GET / HTTP/1.1\r\nhost: x\r\n\r\n';
  socket.write(text);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const open = listener.traffic();
  assert.equal(open.connections, 1);
  assert.equal(open.receivedBytes, text.length);
  assert.ok(open.sentBytes >= answer.length);
  socket.destroy();
  while (listener.traffic().connections > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(listener.traffic(), { ...open, connections: 0 });
});
