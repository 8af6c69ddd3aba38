// The admin API in process: scopes, audit before effect, errors with a code, streams that end when they should.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditOutcome } from '../../../src/audit/audit-log.ts';
import { createAdminApp, createOfflineAdminApp } from '../../../src/http/admin/admin-app.ts';
import { appFor, createFakePorts } from './fake-ports.ts';

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const bodyOf = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>;
const codeOf = async (response: Response): Promise<string> => ((await response.json()) as { code: string }).code;

const ROUTES: [method: string, path: string, scope: 'admin:read' | 'admin:write', body?: unknown][] = [
  ['GET', '/keys', 'admin:read'],
  ['POST', '/keys', 'admin:write', { name: 'n', scopes: ['agent'] }],
  ['GET', '/keys/k_1', 'admin:read'],
  ['PATCH', '/keys/k_1', 'admin:write', { cloudConsent: true }],
  ['DELETE', '/keys/k_1', 'admin:write'],
  ['POST', '/keys/k_1/rotate', 'admin:write', {}],
  ['GET', '/audit', 'admin:read'],
  ['GET', '/audit/verify', 'admin:read'],
  ['POST', '/audit/verify', 'admin:read', {}],
  ['GET', '/audit/checkpoints', 'admin:read'],
  ['POST', '/audit/checkpoints', 'admin:write'],
  ['GET', '/audit/export', 'admin:read'],
  ['GET', '/usage', 'admin:read'],
  ['GET', '/config', 'admin:read'],
  ['POST', '/config/reload', 'admin:write'],
  ['GET', '/log-level', 'admin:read'],
  ['PUT', '/log-level', 'admin:write', { level: 'debug' }],
  ['GET', '/status', 'admin:read'],
  ['POST', '/drain', 'admin:write'],
  ['GET', '/leases', 'admin:read'],
  ['GET', '/worker', 'admin:read'],
  ['POST', '/worker/start', 'admin:write'],
  ['POST', '/worker/stop', 'admin:write'],
  ['POST', '/worker/restart', 'admin:write'],
  ['POST', '/worker/probe', 'admin:write'],
  ['GET', '/worker/logs', 'admin:read'],
  ['GET', '/models', 'admin:read'],
  ['POST', '/models/test', 'admin:write', {}],
  ['GET', '/runs', 'admin:read'],
  ['DELETE', '/runs/k_1', 'admin:write'],
  ['GET', '/queue', 'admin:read'],
  ['GET', '/roots', 'admin:read'],
  ['GET', '/notes', 'admin:read'],
  ['GET', '/notes/content', 'admin:read'],
  ['GET', '/notes/search', 'admin:read'],
  ['GET', '/filters', 'admin:read'],
  ['GET', '/filters/answer', 'admin:read'],
  ['PUT', '/filters/answer', 'admin:write', { text: 'x' }],
  ['GET', '/metrics/history', 'admin:read'],
  ['GET', '/events', 'admin:read'],
];

test('every route wants its scope, none is open without a caller, and the table is whole', async () => {
  const fake = createFakePorts();
  const spec = (await (await createAdminApp(fake.ports).request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const documented = Object.entries(spec.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map(
      (method) => `${method.toUpperCase()} ${path.replace('{id}', 'k_1').replace('{kind}', 'answer')}`,
    ),
  );
  assert.deepEqual(documented.toSorted(), ROUTES.map(([method, path]) => `${method} ${path}`).toSorted());
  const allButOne = { 'admin:read': 'admin:write', 'admin:write': 'admin:read' } as const;
  for (const [method, path, scope, body] of ROUTES) {
    const init: RequestInit = {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    };
    const stranger = await createAdminApp(fake.ports).request(path, init);
    assert.equal(stranger.status, 401, `${method} ${path} without a caller`);
    const lacking = await appFor(fake.ports, [
      allButOne[scope],
      'agent',
      'memory:read',
      'memory:write',
      'metrics',
    ]).request(path, init);
    assert.equal(lacking.status, 403, `${method} ${path} without ${scope}`);
  }
  assert.deepEqual(fake.events, [], 'a refused request leaves no trace of an effect');
});

test('a key is made after its intent, shown once, listed without its secret', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const created = await bodyOf(
    await app.request('/keys', post({ name: ' laptop ', scopes: ['agent', 'agent', 'memory:read'], expires: '1h' })),
  );
  assert.equal(created['key'], 'mema_client_k_1');
  assert.equal(created['name'], 'laptop');
  assert.deepEqual(created['scopes'], ['agent', 'memory:read']);
  assert.equal(created['expiresAt'], new Date(1_000_000 + 3_600_000).toISOString());
  const listed = await (await app.request('/keys')).text();
  assert.ok(!listed.includes('mema_client'));
  const rotated = await bodyOf(await app.request('/keys/k_1/rotate', post({ overlap: '2h' })));
  assert.equal(rotated['rotatedFrom'], 'k_1');
  const revoked = await bodyOf(await app.request('/keys/k_1', { method: 'DELETE' }));
  assert.notEqual(revoked['revokedAt'], null);
  assert.deepEqual(
    fake.events.map((event) => event.replace(/ (by|from) .*/, '')),
    [
      'intent key.create',
      'create k_1',
      'key.create',
      'outcome ok',
      'intent key.list',
      'outcome ok',
      'intent key.rotate',
      'rotate k_1 7200000',
      'create k_2',
      'key.rotate',
      'outcome ok',
      'intent key.revoke',
      'revoke k_1',
      'key.revoke',
      'outcome ok',
    ],
  );
});

test('a change of a key is audited, and taken back when its outcome cannot be recorded', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  await app.request('/keys', post({ name: 'n', cloudConsent: true, cloudBudgetUsdPerMonth: 5 }));
  assert.deepEqual(fake.keys.get('k_1')?.cloudBudgetUsdPerMonth, 5);
  const patch = (body: unknown): RequestInit => ({ ...post(body), method: 'PATCH' });
  const changed = await bodyOf(await app.request('/keys/k_1', patch({ cloudBudgetUsdPerMonth: 2 })));
  assert.deepEqual([changed['cloudConsent'], changed['cloudBudgetUsdPerMonth']], [true, 2]);
  assert.deepEqual(fake.events.slice(-4), [
    'intent key.change by k_caller over http',
    'change k_1',
    'key.change from {"cloudBudgetUsdPerMonth":5} to {"cloudBudgetUsdPerMonth":2}',
    'outcome ok',
  ]);
  assert.equal((await app.request('/keys/k_1', patch({}))).status, 400);
  assert.equal((await app.request('/keys', post({ name: 'n', cloudBudgetUsdPerMonth: -1 }))).status, 400);
  fake.audit.failFinish = true;
  assert.equal((await app.request('/keys/k_1', patch({ cloudConsent: false }))).status, 503);
  assert.equal(fake.keys.get('k_1')?.cloudConsent, true);
});

test('a rotation whose outcome cannot be recorded leaves the old key as it was, and no new one', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  await app.request('/keys', post({ name: 'n' }));
  fake.audit.failFinish = true;
  assert.equal((await app.request('/keys/k_1/rotate', post({ overlap: '0' }))).status, 503);
  assert.deepEqual([fake.keys.get('k_1')?.expiresAtMs, fake.keys.get('k_2')?.state], [null, 'revoked']);
});

test('a policy is stored and replaced as a whole; unknown tools and roots are refused with the known ones', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const patch = (body: unknown): RequestInit => ({ ...post(body), method: 'PATCH' });
  const policy = { tools: ['search'], readPaths: ['projects/'], limits: { toolCallsPerMinute: { search: 3 } } };
  const made = await bodyOf(await app.request('/keys', post({ name: 'n', root: 'work', policy })));
  assert.deepEqual([made['root'], made['policy']], ['work', policy]);
  const change = { name: 'm', scopes: ['memory:read'], expires: '1h', policy: { owner: 'ana' } };
  const changed = await bodyOf(await app.request('/keys/k_1', patch(change)));
  assert.deepEqual([changed['name'], changed['scopes'], changed['policy']], ['m', ['memory:read'], { owner: 'ana' }]);
  assert.equal(changed['expiresAt'], new Date(1_000_000 + 3_600_000).toISOString());
  assert.equal((await bodyOf(await app.request('/keys/k_1', patch({ expires: null }))))['expiresAt'], null);
  for (const [wrong, says] of [
    [{ root: 'home' }, /"home".*default, work/],
    [{ policy: { tools: ['serach'] } }, /"serach".*use_memory_agent.*search/],
    [{ policy: { limits: { toolCallsPerMinute: { serach: 1 } } } }, /"serach"/],
    [{ policy: { colour: 1 } }, /colour/],
  ] as const) {
    for (const [path, init] of [
      ['/keys', post({ name: 'n', ...wrong })],
      ['/keys/k_1', patch(wrong)],
    ] as const) {
      const response = await app.request(path, init);
      assert.equal(response.status, 400);
      assert.match((await response.text()).replaceAll('\\', ''), says);
    }
  }
  assert.deepEqual([fake.keys.size, fake.keys.get('k_1')?.root], [1, 'work']);
});

test('audit not writable: 503 and no effect; outcome not writable: the key is taken back', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  fake.audit.failBegin = true;
  for (const [path, init] of [
    ['/keys', post({ name: 'n', scopes: ['agent'] })],
    ['/drain', { method: 'POST' }],
    ['/config', {}],
    ['/log-level', { ...post({ level: 'debug' }), method: 'PUT' }],
  ] as const) {
    const response = await app.request(path, init);
    assert.equal(response.status, 503);
    assert.equal(await codeOf(response), 'AUDIT_UNAVAILABLE');
  }
  assert.deepEqual(fake.events, []);
  assert.equal(fake.keys.size, 0);
  assert.equal((await bodyOf(await app.request('/log-level')))['level'], 'info');
  assert.equal((await app.request('/audit/verify')).status, 200, 'reading the audit works while writing it does not');
  fake.audit.failBegin = false;
  fake.audit.failFinish = true;
  assert.equal((await app.request('/keys', post({ name: 'n', scopes: ['agent'] }))).status, 503);
  assert.notEqual(fake.keys.get('k_1')?.state, 'active');
});

const AUDIT_READS: [string, RequestInit, string][] = [
  ['/audit?actor=k_1', {}, 'audit.search'],
  ['/audit/verify', {}, 'audit.verify'],
  ['/audit/verify', post({ checkpoints: ['x'] }), 'audit.verify'],
  ['/audit/export', {}, 'audit.export'],
];

test('who reads the audit is in the audit, before the answer leaves; what is made to be published is not', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read']);
  for (const [path, init, action] of AUDIT_READS) {
    const response = await app.request(path, init);
    assert.equal(fake.events.shift(), `intent ${action} by k_caller over http`, path);
    await response.text();
    assert.deepEqual(fake.events.splice(0), ['outcome ok'], path);
  }
  await app.request('/audit/checkpoints');
  assert.deepEqual(fake.events, []);
});

test(
  'an export: its outcome is recorded before its last rows leave, and says when the reader went',
  { timeout: 20_000 },
  async () => {
    const fake = createFakePorts();
    const app = appFor(fake.ports, ['admin:read']);
    const { begin } = fake.ports.audit;
    const recorded = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    fake.ports.audit.begin = async (intent) => {
      const call = await begin(intent);
      const finish = async (outcome: AuditOutcome): Promise<void> => {
        asked.resolve();
        await recorded.promise;
        await call.finish(outcome);
      };
      return { ...call, finish };
    };
    let text = '';
    const response = await app.request('/audit/export');
    const read = response.body?.pipeTo(
      new WritableStream({ write: (chunk) => void (text += Buffer.from(chunk).toString()) }),
    );
    await Promise.race([asked.promise, read]);
    assert.doesNotMatch(text, /"seq":2000/);
    recorded.resolve();
    await read;
    assert.match(text, /"seq":2000/);
    assert.deepEqual(fake.audit.outcomes.splice(0), [{ outcome: 'ok', durationMs: 0 }]);

    const broken = (await app.request('/audit/export')).body?.getReader();
    await broken?.read();
    await broken?.cancel();
    assert.deepEqual(fake.audit.outcomes.splice(0), [{ outcome: 'cancelled', durationMs: 0 }]);
    fake.ports.audit.exportRows = function* () {
      yield* [];
      throw new Error('the disk failed');
    };
    await assert.rejects((await app.request('/audit/export')).text());
    assert.deepEqual(fake.audit.outcomes.splice(0), [{ outcome: 'error', durationMs: 0 }]);
  },
);

test('while the audit cannot be written it can be read, and a guard hears who did', async () => {
  for (const failing of ['failBegin', 'failFinish'] as const) {
    const fake = createFakePorts();
    const heard: object[] = [];
    fake.ports.onUnrecordedRead = (read) => heard.push(read);
    fake.audit[failing] = true;
    const app = appFor(fake.ports, ['admin:read']);
    for (const [path, init, action] of AUDIT_READS) {
      const response = await app.request(path, init);
      assert.equal(response.status, 200, path);
      assert.notEqual(await response.text(), '');
      const actor = { kind: 'key', id: 'k_caller' };
      assert.deepEqual(heard.splice(0), [{ actor, requestId: 'req-1', action }], `${failing} ${path}`);
    }
  }
});

test('wrong input is 400 with what is wrong, unknown things are 404, and both name the fix', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const wrong: [string, RequestInit][] = [
    ['/keys', post({ name: '', scopes: ['agent'] })],
    ['/keys', post({ name: 'n', scopes: ['root'] })],
    ['/keys', post({ name: 'n', scopes: [] })],
    ['/keys', post({ name: 'n', scopes: ['agent'], expires: 'soon' })],
    ['/keys', { ...post({}), body: '{' }],
    ['/audit?limit=0', {}],
    ['/audit?since=yesterday', {}],
    ['/audit?outcome=good', {}],
    ['/usage?by=question', {}],
    ['/log-level', { ...post({ level: 'loud' }), method: 'PUT' }],
  ];
  for (const [path, init] of wrong) {
    const response = await app.request(path, init);
    assert.equal(response.status, 400, `${path} ${JSON.stringify(init.body)}`);
    assert.equal(await codeOf(response), 'INVALID_INPUT');
  }
  // The guard in front lets it pass, the validator behind does not.
  const versioned = await app.request('/keys', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.x2+json' },
    body: '{"name":"n"}',
  });
  assert.deepEqual([versioned.status, await codeOf(versioned)], [415, 'UNSUPPORTED_MEDIA_TYPE']);
  const missing = await app.request('/keys/k_none', { method: 'DELETE' });
  assert.equal(missing.status, 404);
  assert.match(JSON.stringify(await bodyOf(missing)), /keys list/);
  assert.equal(await codeOf(await createOfflineAdminApp(fake.ports).request('/nothing')), 'NOT_FOUND');
  assert.deepEqual(
    fake.audit.outcomes.map((outcome) => outcome.code),
    ['NOT_FOUND'],
  );
});

test('audit, usage, config and status answer what the ports know', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const found = (await (await app.request('/audit?limit=2&since=1970-01-01')).json()) as {
    items: { seq: number; time: string }[];
    nextCursor: string;
  };
  assert.equal(found.nextCursor, '2000.2');
  assert.deepEqual(
    found.items.map(({ seq, time }) => [seq, time]),
    [
      [3, '1970-01-01T00:00:03.000Z'],
      [2, '1970-01-01T00:00:02.000Z'],
    ],
  );
  assert.equal((await bodyOf(await app.request('/audit/verify')))['firstBadSeq'], 2);
  const lines = (await (await app.request('/audit/export?from=3')).text()).trimEnd().split('\n');
  assert.equal(lines.length, 1998);
  assert.equal((JSON.parse(lines[0] ?? '') as { seq: number }).seq, 3);
  const usage = (await bodyOf(await app.request('/usage?last=1s&by=tool'))) as { rows: { group: string }[] };
  assert.equal(usage.rows[0]?.group, 'tool 999000');
  assert.deepEqual((await bodyOf(await app.request('/config')))['items'], [
    {
      key: 'model.api_key',
      value: '***',
      source: 'MEM_AGENT_MODEL_API_KEY',
      doc: 'd',
      default: '',
      reloadable: false,
      pendingRestart: true,
    },
  ]);
  assert.deepEqual(await bodyOf(await app.request('/config/reload', { method: 'POST' })), {
    applied: ['log.level'],
    needRestart: ['http.listen'],
  });
  assert.deepEqual(await bodyOf(await app.request('/log-level', { ...post({ level: 'debug' }), method: 'PUT' })), {
    level: 'debug',
  });
  assert.equal(fake.ports.running?.logLevel.get(), 'debug');
  const status = await bodyOf(await app.request('/status'));
  assert.deepEqual([status['state'], status['version'], status['pid']], ['ready', '0.0.1', process.pid]);
  await app.request('/drain', { method: 'POST' });
  assert.ok(fake.events.includes('drain asked by k_caller'));
});

test('without a daemon the same routes work as the operator, and what needs one says so', async () => {
  const fake = createFakePorts({ running: false });
  const app = createOfflineAdminApp(fake.ports);
  assert.equal((await app.request('/keys', post({ name: 'n', scopes: ['agent'] }))).status, 200);
  assert.equal(fake.events[0], 'intent key.create by local over cli');
  for (const [path, init] of [
    ['/drain', { method: 'POST' }],
    ['/config/reload', { method: 'POST' }],
    ['/log-level', {}],
    ['/leases', {}],
  ] as const) {
    const response = await app.request(path, init);
    assert.equal(response.status, 501, path);
    assert.match(JSON.stringify(await bodyOf(response)), /mem-agent serve/);
  }
});

test('a lease counts while its stream is open; client, abort and drain each end it once', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read']);
  const attached = (): number | undefined => fake.ports.running?.leases.attached;
  const first = await app.request('/leases');
  const reader = first.body?.getReader();
  const line = new TextDecoder().decode((await reader?.read())?.value);
  assert.equal((JSON.parse(line) as { attached: number }).attached, 1);
  const gone = new AbortController();
  await app.request('/leases', { signal: gone.signal });
  const third = await app.request('/leases');
  assert.equal(attached(), 3);
  await reader?.cancel();
  assert.equal(attached(), 2);
  gone.abort();
  assert.equal(attached(), 1);
  fake.drained.abort();
  assert.equal(attached(), 0);
  assert.match(await third.text(), /attached/);
  assert.match(await (await app.request('/leases')).text(), /attached/, 'a lease on a draining daemon ends at once');
  assert.equal(attached(), 0);
});
