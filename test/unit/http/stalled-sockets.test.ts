// Connections on which nothing moves end; a long answer that is waited for does not, and a proxy may keep its connections.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { Hono } from 'hono';
import type { HttpEnv } from '../../../src/http/env.ts';
import { openListener, type ListenerOptions } from '../../../src/http/listeners.ts';
import { openSocket, sendRaw } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/until.ts';

const LOOPBACK: Pick<ListenerOptions, 'address' | 'key'> = {
  address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
  key: 'http.listen',
};
const ASK = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

test('a client that does not read its answer is cut', async () => {
  // More than the kernel keeps for both sides.
  const large = 'x'.repeat(32 * 1024 * 1024);
  const app = new Hono<HttpEnv>().get('/large', (c) => c.text(large));
  await using listener = await openListener(app, { ...LOOPBACK, stallTimeoutMs: 300 });
  const greedy = openSocket(listener.port ?? 0);
  greedy.pause();
  greedy.write(ASK('/large'));
  await until('the answer began', () => listener.traffic().sentBytes > 0);
  await until('it is cut', () => listener.traffic().connections === 0);
  greedy.destroy();
});

test('an answer that takes longer than that is waited for, stream or not', async () => {
  const app = new Hono<HttpEnv>().get('/slow', async (c) => {
    await sleep(900);
    return c.text('at last');
  });
  await using listener = await openListener(app, { ...LOOPBACK, stallTimeoutMs: 200, keepAliveTimeoutMs: 100 });
  assert.match((await sendRaw(listener.port ?? 0, ASK('/slow'))).text, /at last$/);
});

test('a kept connection ends when it is idle; that of a proxy does not', async () => {
  const app = new Hono<HttpEnv>().get('/', (c) => c.text('hello'));
  const times = { keepAliveTimeoutMs: 100, stallTimeoutMs: 500 };
  await using direct = await openListener(app, { ...LOOPBACK, ...times });
  await using proxied = await openListener(app, { ...LOOPBACK, ...times, trustedProxies: ['127.0.0.1'] });
  const kept = openSocket(proxied.port ?? 0);
  kept.write(ASK('/'));
  await once(kept, 'data');
  const answer = await sendRaw(direct.port ?? 0, ASK('/'));
  assert.match(answer.text, /hello$/);
  await sleep(1000);
  assert.equal(direct.traffic().connections, 0);
  assert.equal(proxied.traffic().connections, 1);
  kept.write(ASK('/'));
  const [again] = (await once(kept, 'data')) as [Buffer];
  assert.match(String(again), /hello$/);
  kept.destroy();
});
