// The guards in front of every route: Host and Origin exactly, who the client is, content type, size, key.
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { test } from 'node:test';
import {
  isLoopbackAddress,
  parseTrustedProxies,
  resolveClientAddress,
} from '../../../src/http/middleware/client-address.ts';
import { isJsonMediaType } from '../../../src/http/middleware/content-type.ts';
import { ownHosts } from '../../../src/http/middleware/host.ts';
import { openListener } from '../../../src/http/listeners.ts';
import { modernCall, startHarness } from '../../helpers/http-harness.ts';
import { sendRaw } from '../../helpers/raw-http.ts';

interface RawAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** fetch() would not let a test lie about Host. */
function raw(
  port: number,
  path: string,
  headers: Record<string, string>,
  method = 'GET',
  body?: string,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port, path, method, headers, setHost: false, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

test('Host and Origin: exact, port included', async () => {
  await using harness = await startHarness({
    apps: { allowedHosts: ['mem.example:8443'], allowedOrigins: ['https://app.example'] },
  });
  const port = harness.http.port ?? 0;
  const hosts: [string, boolean][] = [
    [`127.0.0.1:${port}`, true],
    [`localhost:${port}`, true],
    [`LOCALHOST:${port}`, true],
    [`[::1]:${port}`, true],
    ['mem.example:8443', true],
    ['mem.example', false],
    ['localhost', false],
    [`localhost:${port === 1 ? 2 : 1}`, false],
    [`evil.example:${port}`, false],
    [`localhost.evil.example:${port}`, false],
    [`localhost:${port}@evil.example`, false],
  ];
  const origins: [string | undefined, boolean][] = [
    [undefined, true],
    ['https://app.example', true],
    [`http://localhost:${port}`, true],
    ['https://app.example:444', false],
    ['http://app.example', false],
    ['http://localhost', false],
    [`https://localhost:${port}`, false],
    ['https://app.example.evil.example', false],
    ['null', false],
    ['', false],
  ];
  for (const [host, isHostGood] of hosts) {
    for (const [origin, isOriginGood] of origins) {
      const answer = await raw(port, '/health', { host, ...(origin !== undefined && { origin }) });
      const wanted = isHostGood && isOriginGood ? 200 : 403;
      // A Host that is no host at all is Bad Request already.
      assert.ok(
        answer.status === wanted || (!isHostGood && answer.status === 400),
        `${host} ${String(origin)}: ${answer.status}`,
      );
    }
  }
});

test('every answer carries the safe headers and its own request id', async () => {
  await using harness = await startHarness();
  const health = await fetch(`${harness.http.url}/health`);
  assert.deepEqual(await health.json(), { status: 'ok' });
  assert.equal(health.headers.get('x-content-type-options'), 'nosniff');
  assert.equal(health.headers.get('cache-control'), 'no-store');
  const missing = await fetch(`${harness.http.url}/nothing`);
  assert.equal(missing.status, 404);
  assert.equal(missing.headers.get('content-type'), 'application/problem+json');
  assert.deepEqual(await missing.json(), {
    type: 'urn:mem-agent:problem:not-found',
    title: 'Not found',
    status: 404,
    detail: 'Nothing is served at this path',
    code: 'NOT_FOUND',
    hint: 'MCP is at /mcp',
    requestId: missing.headers.get('x-request-id'),
  });
  assert.notEqual(missing.headers.get('x-request-id'), health.headers.get('x-request-id'));
  assert.deepEqual(
    harness.requests.map(({ route, status }) => ({ route, status })),
    [
      { route: '/health', status: 200 },
      { route: 'other', status: 404 },
    ],
  );
});

test('OAuth discovery is a JSON 404, so that clients keep their key', async () => {
  await using harness = await startHarness();
  for (const path of [
    'oauth-protected-resource',
    'oauth-protected-resource/mcp',
    'oauth-authorization-server',
    'openid-configuration',
  ]) {
    const answer = await fetch(`${harness.http.url}/.well-known/${path}`);
    assert.equal(answer.status, 404);
    assert.match(answer.headers.get('content-type') ?? '', /json/);
  }
});

test('401: no key, a malformed header, a wrong key; the failures are reported with the address', async () => {
  await using harness = await startHarness();
  const list = modernCall('tools/list');
  const none = await harness.post(list.body, { headers: list.headers, key: null });
  assert.equal(none.status, 401);
  assert.equal(none.headers.get('www-authenticate'), 'Bearer realm="mem-agent"');
  const wrong = await harness.post(list.body, { headers: list.headers, key: 'mema_client_nope' });
  assert.equal(wrong.status, 401);
  assert.doesNotMatch(wrong.headers.get('www-authenticate') ?? '', /resource_metadata/);
  assert.equal(
    (await harness.post(list.body, { headers: { ...list.headers, authorization: 'Basic eDp5' }, key: null })).status,
    401,
  );
  assert.deepEqual(harness.failures, ['127.0.0.1 missing', '127.0.0.1 unknown', '127.0.0.1 malformed']);
});

test('bodies: other types are 415, larger ones 413, declared or chunked', async () => {
  await using harness = await startHarness({ apps: { maxBodyBytes: 1000 } });
  const list = modernCall('tools/list');
  assert.equal(
    (await harness.post(list.body, { headers: { ...list.headers, 'content-type': 'text/plain' } })).status,
    415,
  );
  assert.equal((await harness.post(`"${'x'.repeat(1000)}"`)).status, 413);
  const key = harness.keyOf('agent');
  const port = harness.http.port ?? 0;
  const headers = {
    host: `127.0.0.1:${port}`,
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'transfer-encoding': 'chunked',
  };
  assert.equal((await raw(port, '/mcp', headers, 'POST', 'x'.repeat(5000))).status, 413);
  assert.equal(
    (
      await raw(
        port,
        '/mcp',
        { ...headers, accept: 'application/json, text/event-stream' },
        'POST',
        JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
      )
    ).status,
    200,
  );
});

test('who announces too much and then sends nothing gets the answer too', async () => {
  await using harness = await startHarness({ apps: { maxBodyBytes: 1000 } });
  const port = harness.http.port ?? 0;
  const lines = [
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Authorization: Bearer ${harness.keyOf('agent')}`,
    'Content-Type: application/json',
    'Content-Length: 5000000',
  ];
  const answer = await sendRaw(port, `${lines.join('\r\n')}\r\n\r\n{`);
  assert.equal(answer.status, 413);
  assert.match(answer.text, /connection: close/i);
  assert.match(answer.text, /http\.max_body_bytes/);
});

test('ops: probes are open, details need loopback or the scope, the admin API a key', async () => {
  await using harness = await startHarness({ apps: { trustedProxies: ['127.0.0.1'] } });
  await using ops = await openListener(harness.apps.ops, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    key: 'ops.listen',
  });
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(ops.url + path, { headers });
  assert.equal((await get('/livez')).status, 200);
  assert.equal((await get('/readyz')).status, 200);
  assert.equal(await (await get('/metrics')).text(), 'memagent_up 1\n');
  assert.match(await (await get('/')).text(), /mem-agent/);
  const through = { 'x-forwarded-for': '203.0.113.9' };
  assert.equal((await get('/livez', through)).status, 200);
  assert.equal((await get('/metrics', through)).status, 401);
  assert.equal((await get('/health', { ...through, authorization: `Bearer ${harness.keyOf('agent')}` })).status, 403);
  assert.equal((await get('/health', { ...through, authorization: `Bearer ${harness.keyOf('metrics')}` })).status, 200);
  assert.equal((await get('/admin/v1/keys')).status, 401);

  harness.state.health = { store: { state: 'starting', reason: 'migrating', sinceIso: '2026-01-01T00:00:00Z' } };
  harness.state.ready = false;
  const ready = await get('/readyz');
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { ready: false, reasons: ['store: migrating'] });
  assert.deepEqual(await (await fetch(`${harness.http.url}/health`)).json(), { status: 'degraded' });
});

test('an untrusted peer that forges X-Forwarded-For is neither local nor somebody else', async () => {
  await using harness = await startHarness();
  await using ops = await openListener(harness.apps.ops, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    key: 'ops.listen',
  });
  assert.equal((await fetch(`${ops.url}/metrics`, { headers: { 'x-forwarded-for': '127.0.0.1' } })).status, 401);
  assert.deepEqual(harness.failures, ['127.0.0.1 missing']);
});

test('client address: hops are believed from the right, as far as they are trusted', () => {
  const trusted = parseTrustedProxies(['10.0.0.0/8', '::1']);
  assert.equal(resolveClientAddress('203.0.113.1', '1.2.3.4', trusted), '203.0.113.1');
  assert.equal(resolveClientAddress('10.0.0.1', '6.6.6.6, 1.2.3.4', trusted), '1.2.3.4');
  assert.equal(resolveClientAddress('::ffff:10.0.0.1', '1.2.3.4, 10.9.9.9', trusted), '1.2.3.4');
  assert.equal(resolveClientAddress('10.0.0.1', 'garbage', trusted), '10.0.0.1');
  assert.equal(resolveClientAddress('10.0.0.1', undefined, trusted), '10.0.0.1');
  assert.equal(resolveClientAddress('unix', '2001:db8::7', trusted), '2001:db8::7');
  assert.ok(isLoopbackAddress('::ffff:127.0.0.1') && isLoopbackAddress('::1') && !isLoopbackAddress('10.0.0.1'));
  assert.throws(() => parseTrustedProxies(['nginx']), /http\.trusted_proxies: "nginx"/);
});

test('small rules', () => {
  assert.ok(isJsonMediaType('application/json; charset=utf-8') && isJsonMediaType('application/merge-patch+json'));
  assert.ok(!isJsonMediaType('text/json') && !isJsonMediaType(undefined));
  assert.deepEqual(ownHosts({ localAddress: '192.168.1.5', localPort: 80 }), [
    'localhost',
    '127.0.0.1',
    '[::1]',
    '192.168.1.5',
  ]);
});
