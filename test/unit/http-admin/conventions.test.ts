// What every resource has in common: pages, ETag and If-Match, Idempotency-Key.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdminApp } from '../../../src/http/admin/admin-app.ts';
import type { AdminApp } from '../../../src/http/admin/admin-route.ts';
import { appFor, createFakePorts } from './fake-ports.ts';

const json = (method: string, body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const bodyOf = async (response: Response): Promise<Record<string, unknown>> =>
  (await response.json()) as Record<string, unknown>;

async function makeKeys(app: AdminApp, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await app.request('/keys', json('POST', { name: `key ${index}` }));
}

test('pages hold each key once, also when keys are made between them', async () => {
  const { ports } = createFakePorts();
  const app = appFor(ports, ['admin:read', 'admin:write']);
  await makeKeys(app, 7);
  const seen: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const response = await app.request(`/keys?limit=3${query}`);
    const page = (await response.json()) as { items: { id: string }[]; nextCursor: string | null };
    assert.ok(page.items.length <= 3);
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor;
    if (seen.length === 3) await makeKeys(app, 2);
  }
  assert.deepEqual(seen, ['k_1', 'k_2', 'k_3', 'k_4', 'k_5', 'k_6', 'k_7', 'k_8', 'k_9']);
  for (const cursor of ['x', 'djEg=', Buffer.from('v2 a').toString('base64url')])
    assert.equal((await app.request(`/keys?cursor=${cursor}`)).status, 400, cursor);
});

test('a change that names an old version is 412 and changes nothing; without a version it passes', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  await makeKeys(app, 1);
  const patch = (budget: number, etag?: string): Promise<Response> =>
    Promise.resolve(
      app.request('/keys/k_1', json('PATCH', { cloudBudgetUsdPerMonth: budget }, etag ? { 'if-match': etag } : {})),
    );
  const old = (await app.request('/keys/k_1')).headers.get('etag') ?? '';
  assert.match(old, /^"[0-9a-f]{32}"$/);
  const [first, second] = await Promise.all([patch(1, old), patch(2, old)]);
  assert.deepEqual([first.status, second.status], [200, 412], 'of two at once with one version, one wins');
  assert.equal((await bodyOf(second))['code'], 'PRECONDITION_FAILED');
  assert.equal(fake.keys.get('k_1')?.cloudBudgetUsdPerMonth, 1);
  const now = first.headers.get('etag') ?? '';
  assert.equal((await app.request('/keys/k_1')).headers.get('etag'), now);
  assert.equal((await app.request('/keys/k_1', { method: 'DELETE', headers: { 'if-match': old } })).status, 412);
  assert.equal(fake.keys.get('k_1')?.state, 'active');
  assert.equal((await patch(3, `W/${now}`)).status, 412, 'a weak tag is no proof');
  assert.equal((await patch(3, `"a", ${now}`)).status, 200);
  assert.equal((await patch(4)).status, 200);
  assert.equal((await patch(5, '*')).status, 200);
  assert.equal((await app.request('/keys/k_9')).status, 404);
});

test('the same POST with one Idempotency-Key makes one key and has one answer, audited each time', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const make = (key: string, name = 'laptop'): Promise<Response> =>
    Promise.resolve(app.request('/keys', json('POST', { name }, { 'idempotency-key': key })));
  const answers = await Promise.all([make('a1'), make('a1'), make('a1')]);
  const bodies = await Promise.all(answers.map(bodyOf));
  assert.deepEqual(bodies[1], bodies[0]);
  assert.deepEqual(bodies[2], bodies[0]);
  assert.deepEqual(
    answers.map(({ headers }) => headers.get('idempotency-replayed')),
    [null, 'true', 'true'],
  );
  assert.equal(fake.keys.size, 1);
  assert.equal(fake.events.filter((event) => event.startsWith('intent idempotency.replay')).length, 2);
  const other = await make('a1', 'desktop');
  assert.deepEqual([other.status, (await bodyOf(other))['code']], [422, 'IDEMPOTENCY_CONFLICT']);
  assert.equal((await make('a2')).status, 200);
  assert.equal(fake.keys.size, 2);
  assert.equal((await make('')).status, 400);
  assert.equal((await make('x'.repeat(256))).status, 400);
});

test('what failed is tried again, and nobody is answered with what another caller got', async () => {
  const fake = createFakePorts();
  const admin = createAdminApp(fake.ports);
  const app = appFor(fake.ports, ['admin:read', 'admin:write'], 'k_caller', admin);
  const post = json('POST', { name: 'n' }, { 'idempotency-key': 'b1' });
  fake.audit.failBegin = true;
  assert.equal((await app.request('/keys', post)).status, 503);
  fake.audit.failBegin = false;
  assert.equal((await app.request('/keys', post)).status, 200);
  assert.equal((await app.request('/keys', post)).headers.get('idempotency-replayed'), 'true');
  fake.audit.failBegin = true;
  const unaudited = await app.request('/keys', post);
  assert.deepEqual([unaudited.status, /mema_/.test(await unaudited.text())], [503, false]);
  fake.audit.failBegin = false;
  const reader = appFor(fake.ports, ['admin:read'], 'k_caller', admin);
  assert.equal((await reader.request('/keys', post)).status, 403);
  const another = appFor(fake.ports, ['admin:write'], 'k_other', admin);
  const others = await another.request('/keys', post);
  assert.deepEqual([others.status, others.headers.get('idempotency-replayed')], [200, null]);
});
