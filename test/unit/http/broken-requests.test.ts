// What never becomes a request of the app is refused as everything else is: a status, a stable code and a hint.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hono } from 'hono';
import type { HttpEnv } from '../../../src/http/env.ts';
import { openListener, type ListenerOptions } from '../../../src/http/listeners.ts';
import { startHarness } from '../../helpers/http-harness.ts';
import { openSocket, problemIn, sendRaw } from '../../helpers/raw-http.ts';
import { until } from '../../helpers/until.ts';

const LOOPBACK: Pick<ListenerOptions, 'address' | 'key'> = {
  address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
  key: 'http.listen',
};
const app = (): Hono<HttpEnv> => new Hono<HttpEnv>().get('/', (c) => c.text('hello'));
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`;
const twoHosts = (first: string, second: string): string => head('GET / HTTP/1.1', first, 'Connection: close', second);

const CASES: { name: string; text: string; status: number; code: string }[] = [
  { name: 'no Host', text: head('GET / HTTP/1.1'), status: 400, code: 'INVALID_INPUT' },
  { name: 'a Host that is none', text: head('GET / HTTP/1.1', 'Host: a b'), status: 400, code: 'INVALID_INPUT' },
  { name: 'two Hosts', text: twoHosts('Host: x', 'Host: y'), status: 400, code: 'INVALID_INPUT' },
  { name: 'the same Host twice', text: twoHosts('Host: x', 'host: x'), status: 400, code: 'INVALID_INPUT' },
  { name: 'an empty Host before one', text: twoHosts('HOST:', 'Host: x'), status: 400, code: 'INVALID_INPUT' },
  {
    name: 'a second Host behind 500 other headers',
    text: head('GET / HTTP/1.1', 'Host: x', ...Array<string>(500).fill('a:'), 'Host: y'),
    status: 400,
    code: 'INVALID_INPUT',
  },
  { name: 'a list of Hosts', text: head('GET / HTTP/1.1', 'Host: x,y'), status: 400, code: 'INVALID_INPUT' },
  {
    name: 'HTTP/1.0 with two Hosts',
    text: head('GET / HTTP/1.0', 'Host: x', 'Host: y'),
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    name: 'a target of another host',
    text: head('GET http://evil/ HTTP/1.1', 'Host: x', 'Connection: close'),
    status: 400,
    code: 'INVALID_INPUT',
  },
  { name: 'HTTP/1.0 without a Host', text: head('GET / HTTP/1.0'), status: 400, code: 'INVALID_INPUT' },
  { name: 'no path', text: head('OPTIONS * HTTP/1.1', 'Host: x'), status: 400, code: 'INVALID_INPUT' },
  { name: 'a method that is none', text: head('FOO / HTTP/1.1', 'Host: x'), status: 400, code: 'INVALID_INPUT' },
  { name: 'TLS', text: '\x16\x03\x01\x02\x00\x01\x00', status: 400, code: 'INVALID_INPUT' },
  { name: 'HTTP/2', text: head('PRI * HTTP/2.0', '', 'SM'), status: 400, code: 'INVALID_INPUT' },
  {
    name: 'two lengths (smuggling)',
    text: head('POST / HTTP/1.1', 'Host: x', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
    status: 400,
    code: 'INVALID_INPUT',
  },
  {
    name: 'headers too large',
    text: head('GET / HTTP/1.1', 'Host: x', `X: ${'a'.repeat(20_000)}`),
    status: 431,
    code: 'HEADERS_TOO_LARGE',
  },
  { name: 'slow headers', text: 'GET / HTTP/1.1\r\nHost: x\r\n', status: 408, code: 'REQUEST_TIMEOUT' },
];

for (const { name, text, status, code } of CASES) {
  test(`${name}: ${status} ${code}`, async () => {
    await using listener = await openListener(app(), { ...LOOPBACK, headersTimeoutMs: 200 });
    const answer = await sendRaw(listener.port ?? 0, text);
    assert.equal(answer.status, status, answer.text);
    const problem = problemIn(answer.text);
    assert.equal(problem.code, code);
    assert.ok(problem.hint, 'it says what to do');
  });
}

test('whoever listens refuses a request with two Hosts, before anything else looks at it', async () => {
  await using harness = await startHarness();
  const { http, ops, adminSocket } = harness.apps;
  for (const [name, served] of Object.entries({ http, ops, adminSocket })) {
    await using listener = await openListener(served, LOOPBACK);
    const port = listener.port ?? 0;
    const own = `Host: 127.0.0.1:${port}`;
    for (const hosts of [[own, own], [own, 'Host: evil.example'], [`${own}, evil.example`], []]) {
      for (const path of ['/health', '/mcp', '/admin/v1/status']) {
        const answer = await sendRaw(port, head(`GET ${path} HTTP/1.1`, ...hosts, 'Connection: close'));
        assert.equal(answer.status, 400, `${name} ${path} ${hosts.join(' + ')}: ${answer.text}`);
        const { code, hint } = problemIn(answer.text);
        assert.equal(code, 'INVALID_INPUT');
        assert.match(hint ?? '', /one Host header/);
      }
    }
    const sound = await sendRaw(port, head('GET /health HTTP/1.0', own));
    assert.equal(sound.status, 200, `${name}: HTTP/1.0 with one Host is served`);
  }
  assert.deepEqual(
    harness.requests.map(({ listener, status }) => `${listener} ${status}`),
    ['http 200', 'ops 200', 'admin 200'],
    'no app saw one of the others',
  );
});

test('an expectation that nobody knows is ignored', async () => {
  await using listener = await openListener(app(), LOOPBACK);
  const text = head('GET / HTTP/1.1', 'Host: x', 'Expect: wonders', 'Connection: close');
  assert.match((await sendRaw(listener.port ?? 0, text)).text, /hello$/);
});

test('who leaves amid a body, or is too slow with it, is no failure of ours', async () => {
  await using harness = await startHarness({ listener: { requestTimeoutMs: 300, headersTimeoutMs: 300 } });
  const port = harness.http.port ?? 0;
  const text = head(
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    'Authorization: Bearer mema_client_agent_memory_read_memory_write_metrics_admin_read_admin_write',
    'Content-Type: application/json',
    'Content-Length: 100',
  );
  const leaver = openSocket(port);
  leaver.write(`${text}{"a"`);
  await until('it was read', () => harness.http.traffic().receivedBytes > 0);
  leaver.destroy();
  const slow = await sendRaw(port, `${text}{"a"`);
  assert.equal(slow.status, 408);
  assert.equal(problemIn(slow.text).code, 'REQUEST_TIMEOUT');
  await until('both are counted', () => harness.requests.length === 2);
  assert.deepEqual(
    harness.requests.map(({ status }) => status),
    [499, 499],
  );
});

test('one connection too many hears why, and is closed', async () => {
  await using listener = await openListener(app(), { ...LOOPBACK, maxConnections: 2, maxConnectionsPerAddress: 1 });
  const port = listener.port ?? 0;
  const ask = head('GET / HTTP/1.1', `Host: 127.0.0.1:${port}`);
  const first = openSocket(port);
  await until('it is open', () => listener.traffic().connections === 1);
  const second = await sendRaw(port, ask);
  assert.equal(second.status, 503, second.text);
  assert.match(second.text, /retry-after: 5/i);
  assert.equal(problemIn(second.text).code, 'TOO_MANY_CONNECTIONS');
  assert.match(problemIn(second.text).hint ?? '', /max_connections_per_address/);
  const other = openSocket(port, '127.0.0.2');
  await until('it is open', () => listener.traffic().connections === 2);
  const third = await sendRaw(port, ask, { localAddress: '127.0.0.3' });
  assert.match(problemIn(third.text).hint ?? '', /http\.max_connections$/);
  const silent = await sendRaw(port, '', { localAddress: '127.0.0.3' });
  assert.equal(silent.status, 0, 'who says nothing is not kept');
  first.destroy();
  other.destroy();
  await until('they are gone', () => listener.traffic().connections === 0);
  assert.equal((await fetch(listener.url)).status, 200);
});
