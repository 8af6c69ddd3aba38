// Runs, queue, roots, notes, figures and events in process: what is shown, in which pages, and what the audit says of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdminApp } from '../../../src/http/admin/admin-app.ts';
import { createAdminRouter } from '../../../src/http/admin/admin-route.ts';
import { openTestRoot, startAndIndex } from '../memory/open-test-root.ts';
import { appFor, createFakePorts } from './fake-ports.ts';

interface Page {
  items: Record<string, unknown>[];
  nextCursor: string | null;
}

test('runs are listed oldest first without what was asked, and one is ended once its intent is written', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read', 'admin:write']);
  const page = (await (await app.request('/runs?limit=1')).json()) as Page;
  assert.deepEqual(page.items, [
    {
      id: 'r_1',
      keyId: 'k_2',
      root: 'default',
      state: 'queued',
      queuedAt: '1970-01-01T00:00:01.000Z',
      startedAt: null,
      turns: 1,
      backend: 'builtin',
    },
  ]);
  const rest = (await (await app.request(`/runs?limit=1&cursor=${page.nextCursor}`)).json()) as Page;
  assert.deepEqual([rest.items[0]?.['id'], rest.nextCursor], ['r_2', null]);
  assert.equal((await app.request('/runs?cursor=abc')).status, 400);

  assert.equal((await app.request('/runs/r_2', { method: 'DELETE' })).status, 200);
  assert.deepEqual(fake.events, [
    'intent run.cancel by k_caller over http',
    'cancel r_2',
    'run.cancel from running to cancelled',
    'outcome ok',
  ]);
  assert.equal((await app.request('/runs/r_9', { method: 'DELETE' })).status, 404);
  fake.audit.failBegin = true;
  assert.equal((await app.request('/runs/r_1', { method: 'DELETE' })).status, 503);
  assert.ok(!fake.events.includes('cancel r_1'));
  const queue = (await (await app.request('/queue')).json()) as { waitingByKey: unknown[]; running: number };
  assert.deepEqual([queue.running, queue.waitingByKey], [1, [{ keyId: 'k_2', waiting: 1, oldestWaitMs: 70 }]]);
});

test('notes: listed in pages, read and searched; each look is in the audit first', async () => {
  const notes = { 'user.md': '# Kim\n', 'entities/anna.md': '# Anna\n\n- city: Lisbon\n', 'entities/bo.md': '# Bo\n' };
  await using memory = openTestRoot({ name: 'default', notes });
  await startAndIndex(memory.root);
  const fake = createFakePorts({ roots: [memory.root] });
  const app = appFor(fake.ports, ['admin:read', 'memory:read']);
  const first = (await (await app.request('/notes?prefix=entities/&limit=1')).json()) as Page;
  assert.deepEqual([first.items.map(({ path }) => path), typeof first.nextCursor], [['entities/anna.md'], 'string']);
  const second = (await (
    await app.request(`/notes?prefix=entities/&limit=1&cursor=${first.nextCursor}`)
  ).json()) as Page;
  assert.deepEqual([second.items.map(({ path }) => path), second.nextCursor], [['entities/bo.md'], null]);
  const note = await app.request('/notes/content?path=entities/anna.md');
  const { text, version } = (await note.json()) as { text: string; version: string };
  assert.deepEqual([text, note.headers.get('etag')], [notes['entities/anna.md'], `"${version}"`]);
  const hits = (await (await app.request('/notes/search?q=lisbon')).json()) as Page;
  assert.deepEqual(
    hits.items.map(({ path }) => path),
    ['entities/anna.md'],
  );
  assert.deepEqual(
    fake.events.filter((event) => event.startsWith('note.')),
    ['note.list entities/', 'note.list entities/', 'note.read entities/anna.md', 'note.search undefined'],
  );

  for (const [path, status] of [
    ['/notes/content?path=../secret', 400],
    ['/notes/content?path=nothing.md', 404],
    ['/notes?root=other', 403],
  ] as const)
    assert.equal((await app.request(path)).status, status, path);
  assert.equal(
    (await appFor(fake.ports, ['admin:read']).request('/notes')).status,
    403,
    'admin:read alone is not enough',
  );
  const operator = appFor(fake.ports, ['admin:read', 'admin:write', 'memory:read']);
  assert.equal((await operator.request('/notes?root=other')).status, 404);
  fake.audit.failBegin = true;
  for (const path of ['/notes', '/notes/content?path=user.md', '/notes/search?q=kim']) {
    const response = await app.request(path);
    assert.deepEqual([response.status, /Kim/.test(await response.text())], [503, false], path);
  }

  const roots = (await (await app.request('/roots')).json()) as Page;
  assert.deepEqual(
    roots.items.map(({ name, notes: count, index, readOnly }) => [name, count, index, readOnly]),
    [['default', 3, 'ready', false]],
  );
});

test('events are what is now, then what changes, until the daemon drains', async () => {
  const fake = createFakePorts();
  const app = appFor(fake.ports, ['admin:read']);
  const history = (await (await app.request('/metrics/history')).json()) as { minutes: { start: string }[] };
  assert.deepEqual(
    history.minutes.map(({ start }) => start),
    ['1970-01-01T00:16:00.000Z'],
  );
  const response = await app.request('/events');
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  setTimeout(() => fake.drained.abort(), 20);
  const text = await response.text();
  const events = text
    .trimEnd()
    .split('\n\n')
    .map((event) => /^event: (\w+)\ndata: (\{.*\}|\[.*\])$/.exec(event)?.slice(1) ?? []);
  assert.deepEqual(
    events.map(([name]) => name),
    ['status', 'runs', 'figures'],
  );
  assert.deepEqual(
    (JSON.parse(events[1]?.[1] ?? '') as { id: string }[]).map(({ id }) => id),
    ['r_2', 'r_1'],
  );
  assert.equal((await app.request('/events')).status, 200, 'on a draining daemon it ends at once');
});

test('an admin key with path scopes sees no more of the notes here than anywhere else', async () => {
  await using memory = openTestRoot({
    name: 'default',
    notes: { 'user.md': '# Kim\n', 'team/plan.md': '# Kim plans\n' },
  });
  await startAndIndex(memory.root);
  const { ports } = createFakePorts({ roots: [memory.root] });
  const app = createAdminRouter();
  app.use(async (c, next) => {
    c.set('requestId', 'req-1');
    c.set('transport', 'http');
    const scopes = new Set(['admin:read', 'admin:write', 'memory:read'] as const);
    c.set('principal', { kind: 'key', id: 'k', name: 'k', scopes, root: 'default', policy: { readPaths: ['team/'] } });
    await next();
  });
  app.route('/', createAdminApp(ports));
  for (const path of ['/notes', '/notes/search?q=kim']) {
    const { items } = (await (await app.request(path)).json()) as Page;
    assert.deepEqual(
      items.map((item) => item['path']),
      ['team/plan.md'],
      path,
    );
  }
  const refused = await app.request('/notes/content?path=user.md');
  assert.ok(refused.status >= 400 && refused.status < 500);
  assert.ok(!(await refused.text()).includes('# Kim'));
});
