// What a caller with few rights, or a careless program, sends to a real daemon: methods that are not served, fields that nobody
// knows, and the side doors of what its key may not do.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { callTool, postJson } from '../helpers/call-tool.ts';
import { MODERN_META } from '../helpers/http-harness.ts';
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
  return (await newKey(body)).key;
}

async function newKey(body: object): Promise<{ id: string; key: string }> {
  const answer = await admin('POST', '/keys', body);
  assert.equal(answer.status, 200);
  return (await answer.json()) as { id: string; key: string };
}

function call(key: string, method: string, params: object, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(daemon.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
}

async function statusOf(answer: Promise<Response>): Promise<number> {
  const { status, body } = await answer;
  await body?.cancel();
  return status;
}

async function auditOf(actor: string): Promise<Record<'kind' | 'action' | 'content', string | null>[]> {
  const answer = await admin('GET', `/audit?limit=1000&actor=${actor}`);
  return ((await answer.json()) as { items: Awaited<ReturnType<typeof auditOf>> }).items;
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
  const ask = (method: string, params: object): Promise<number> => statusOf(call(key, method, params));
  assert.ok((await callTool(target, 'fetch', { id: 'user.md' })).ok);
  const read = { uri: 'memory:///user.md' };
  assert.deepEqual([await ask('resources/read', read), await ask('resources/read', read)], [200, 429]);
  assert.equal((await callTool(target, 'fetch', { id: 'user.md' })).code, 'RATE_LIMITED');
  assert.deepEqual([await ask('resources/list', {}), await ask('resources/list', {})], [200, 429]);
});

test('what no note can be called costs neither the audit nor the memory its length', async () => {
  const { id, key } = await newKey({ name: 'long', scopes: ['memory:read'] });
  const uri = `memory:///${'x'.repeat(1_000_000)}`;
  assert.equal(await statusOf(call(key, 'resources/read', { uri })), 200);
  assert.deepEqual(await auditOf(id), [], 'nothing was looked for');
  const listen = (resourceSubscriptions: string[]): Promise<number> =>
    statusOf(
      call(
        key,
        'subscriptions/listen',
        { notifications: { resourceSubscriptions }, _meta: MODERN_META },
        { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'subscriptions/listen' },
      ),
    );
  assert.equal(await listen([uri]), 400);
  assert.equal(await listen(Array.from({ length: 257 }, (_, i) => `memory:///${i}.md`)), 400);
  assert.equal(await listen(['memory:///user.md']), 200);
});

test('requests without a key write a line of the log for the first of a minute, not for each', async () => {
  const lines = (): number => daemon.stderr().split('request refused for its key').length;
  const before = lines();
  for (let i = 0; i < 60; i += 1) assert.equal(await statusOf(fetch(daemon.url, { method: 'GET' })), 401);
  const metrics = await (await fetch(`${daemon.opsUrl}/metrics`)).text();
  assert.ok(Number(/memagent_auth_failures_total\{reason="missing"\} (\d+)/.exec(metrics)?.[1]) >= 60);
  // A minute may end meanwhile.
  assert.ok(lines() - before <= 2, `${lines() - before} lines`);
});

test('usage says what the audit says: also of resources, and of calls that the protocol refused', async () => {
  const { id, key } = await newKey({ name: 'counted' });
  const wrongHeaders = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'tools/call', 'mcp-name': 'search' };
  const fetched = { name: 'fetch', arguments: { id: 'user.md' }, _meta: MODERN_META };
  const statuses = [
    await statusOf(call(key, 'tools/call', { name: 'fetch', arguments: { id: 'user.md' } })),
    await statusOf(call(key, 'tools/call', fetched, wrongHeaders)),
    await statusOf(call(key, 'resources/list', {})),
    await statusOf(call(key, 'resources/read', { uri: 'memory:///user.md' })),
    await statusOf(call(key, 'resources/read', { uri: 'memory:///none.md' })),
  ];
  assert.deepEqual(statuses, [200, 400, 200, 200, 200]);
  await until('the outcomes', async () => (await auditOf(id)).filter(({ kind }) => kind === 'outcome').length === 5);
  const { rows } = (await (await admin('GET', '/usage?by=key,tool')).json()) as {
    rows: { group: string; calls: number; errors: number; notesRead: number }[];
  };
  const own = rows.filter(({ group }) => group.startsWith(id));
  const used = own.map(({ group, calls, errors, notesRead }) => [group.split(' / ')[1], calls, errors, notesRead]);
  assert.deepEqual(used, [
    ['resource', 3, 1, 1],
    ['fetch', 2, 1, 1],
  ]);
});

test('who asks for what its key may not do leaves a trace, on every door', async () => {
  const { id, key } = await newKey({ name: 'curious', scopes: ['agent'] });
  assert.equal(await statusOf(call(key, 'resources/list', {})), 403);
  assert.equal(await statusOf(call(key, 'tools/call', { name: 'fetch', arguments: { id: 'user.md' } })), 403);
  for (let i = 0; i < 3; i += 1) assert.equal(await statusOf(admin('GET', '/keys/k_1', undefined, key)), 403);
  assert.equal(await statusOf(admin('POST', '/drain', undefined, key)), 403);
  const signIn = fetch(`${daemon.opsUrl}/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: daemon.opsUrl },
    body: JSON.stringify({ key }),
  });
  assert.equal(await statusOf(signIn), 403);
  const asked = async (): Promise<string[]> =>
    (await auditOf(id)).map(({ action, content }) => {
      const { asked: what, tool } = JSON.parse(content ?? '{}') as { asked?: string; tool?: string };
      return `${action} ${what ?? tool}`;
    });
  await until('the events', async () => (await asked()).length >= 5);
  // One record for the first of a minute, however often it is asked for.
  assert.deepEqual(
    new Set(await asked()),
    new Set([
      'security.access_denied resources/list',
      'security.access_denied fetch',
      'security.access_denied GET /admin/v1/keys/:id',
      'security.access_denied POST /admin/v1/drain',
      'security.access_denied POST /session',
    ]),
  );
});

test('what a client names a note can neither steer the operator’s terminal nor forge a line', async () => {
  const { id, key } = await newKey({ name: 'artist' });
  await callTool({ url: daemon.url, key }, 'fetch', { id: 'a\u001b]52;c;eA==\u0007\n1  2026-11-30  forged\u202e.md' });
  const { stdout } = await daemon.cli('audit', 'search', '--who', id, '--action', 'tool.fetch');
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(stdout, /[\u001b\u0007\u202e]/);
  assert.equal(stdout.trimEnd().split('\n').length, 4, 'a header, intent, operation and outcome');
});

test('what is nested deeply is refused before anybody looks at it; an error does not repeat all that was wrong', async () => {
  const deep = `{"jsonrpc":"2.0","id":1,"method":"resources/list","params":{"x":${'['.repeat(400)}${']'.repeat(400)}}}`;
  const answer = await postJson({ url: daemon.url, key: daemon.keys.client }, deep);
  const { error } = (await answer.json()) as { error: { code: number; data: { code: string } } };
  assert.deepEqual([answer.status, error.code, error.data.code], [400, -32600, 'INVALID_INPUT']);
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`field${i}`, 1]));
  const wrong = await callTool({ url: daemon.url, key: daemon.keys.client }, 'fetch', fields);
  assert.ok(wrong.text.length < 1000, `${wrong.text.length} characters`);
  const text = await (await admin('POST', '/keys', fields)).text();
  assert.ok(text.length < 1500, `${text.length} characters`);
});
