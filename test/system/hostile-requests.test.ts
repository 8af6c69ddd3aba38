// What a caller with few rights, or a careless program, sends to a real daemon: methods that are not served, fields that nobody
// knows, and the side doors of what its key may not do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callTool, postJson } from '../helpers/call-tool.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

let daemon: DaemonProcess;
before(async () => void (daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] })));
after(() => daemon[Symbol.asyncDispose]());

interface Problem {
  code: string;
  detail: string;
  hint: string;
}

function admin(method: string, path: string, body?: object, key = daemon.keys.admin): Promise<Response> {
  return fetch(`${daemon.opsUrl}/admin/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
}

async function makeKey(body: object): Promise<string> {
  const answer = await admin('POST', '/keys', body);
  assert.equal(answer.status, 200);
  return ((await answer.json()) as { key: string }).key;
}

const attached = async (): Promise<number> =>
  ((await (await admin('GET', '/status')).json()) as { attachedClients: number }).attachedClients;

test('HEAD of a stream answers as GET and leaves nothing open', async () => {
  for (const path of ['/leases', '/events']) {
    const answer = await admin('HEAD', path);
    assert.deepEqual([answer.status, await answer.text()], [200, ''], path);
  }
  await until('no client is attached', async () => (await attached()) === 0);
});

test('a method that a path does not take is 405 with those it does; a path that is none is 404 with where to look', async () => {
  const ask = async (method: string, path: string): Promise<[number, string | null, string]> => {
    const answer = await fetch(`${daemon.opsUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${daemon.keys.admin}` },
    });
    assert.equal(answer.headers.get('content-type'), 'application/problem+json', path);
    return [answer.status, answer.headers.get('allow'), ((await answer.json()) as Problem).code];
  };
  assert.deepEqual(await ask('PUT', '/admin/v1/keys'), [405, 'GET, HEAD, POST', 'METHOD_NOT_ALLOWED']);
  assert.deepEqual(await ask('OPTIONS', '/admin/v1/keys/k_1'), [405, 'GET, HEAD, PATCH, DELETE', 'METHOD_NOT_ALLOWED']);
  assert.deepEqual(await ask('GET', '/admin/v1/drain'), [405, 'POST', 'METHOD_NOT_ALLOWED']);
  assert.deepEqual(await ask('DELETE', '/livez'), [405, 'GET, HEAD', 'METHOD_NOT_ALLOWED']);
  assert.deepEqual(await ask('PUT', '/session'), [405, 'GET, HEAD, POST, DELETE', 'METHOD_NOT_ALLOWED']);
  assert.deepEqual(await ask('GET', '/admin/v1/keys/none'), [404, null, 'NOT_FOUND']);
  const nowhere = await admin('GET', '/nowhere');
  assert.deepEqual([nowhere.status, ((await nowhere.json()) as Problem).hint], [404, 'See /admin/v1/openapi.json']);
  const withoutKey = await fetch(`${daemon.opsUrl}/admin/v1/keys`, { method: 'PUT' });
  assert.equal(withoutKey.status, 401, 'what is served is not told to everybody');
});

test('a field that nobody knows is refused: a mistyped limit must not make a key without one', async () => {
  const typo = await admin('POST', '/keys', { name: 'typo', scope: ['memory:read'] });
  const { code, detail } = (await typo.json()) as Problem;
  assert.deepEqual([typo.status, code], [400, 'INVALID_INPUT']);
  assert.match(detail, /"scope"/);
  for (const [method, path, body] of [
    ['PATCH', '/keys/k_1', { name: 'x', state: 'revoked' }],
    ['POST', '/keys/k_1/rotate', { overlop: '0' }],
    ['POST', '/audit/verify', { checkpoint: ['x'] }],
    ['POST', '/models/test', { nam: 'builtin' }],
    ['PUT', '/filters/answer', { text: '', kind: 'privacy' }],
    ['PUT', '/log-level', { level: 'info', for: '1h' }],
  ] as const) {
    assert.equal((await admin(method, path, body)).status, 400, `${method} ${path}`);
  }
});

test('a list of tools closes the notes of the admin API too, as it closes the resources', async () => {
  const scopes = ['admin:read', 'memory:read'];
  const status = await makeKey({ name: 'status only', scopes, policy: { tools: ['memory_status'] } });
  for (const path of ['/notes', '/notes/content?path=user.md', '/notes/search?q=user'])
    assert.equal((await admin('GET', path, undefined, status)).status, 403, path);
  const reader = await makeKey({ name: 'fetch only', scopes, policy: { tools: ['fetch'] } });
  assert.equal((await admin('GET', '/notes/content?path=user.md', undefined, reader)).status, 200);
  assert.equal((await admin('GET', '/notes', undefined, reader)).status, 403);
});

test('a limit of a tool counts the resources that show the same', async () => {
  const key = await makeKey({ name: 'few', policy: { limits: { toolCallsPerMinute: { fetch: 2, list_files: 1 } } } });
  const target = { url: daemon.url, key };
  const statusOf = async (method: string, params: object): Promise<number> =>
    (await postJson(target, JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }))).status;
  assert.ok((await callTool(target, 'fetch', { id: 'user.md' })).ok);
  const read = { uri: 'memory:///user.md' };
  assert.deepEqual([await statusOf('resources/read', read), await statusOf('resources/read', read)], [200, 429]);
  assert.equal((await callTool(target, 'fetch', { id: 'user.md' })).code, 'RATE_LIMITED');
  assert.deepEqual([await statusOf('resources/list', {}), await statusOf('resources/list', {})], [200, 429]);
});
