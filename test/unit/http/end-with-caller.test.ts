// What stays open, over real HTTP with real keys and tokens: it ends when its key or token does or may do something else, as a stream
// ends and not as an error; nothing of a note outside the new paths is told; a run ends with its key.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openCoreStore } from '../../../src/store/core-store.ts';
import type { AgentResult, AskAgentRequest } from '../../../src/http/ports.ts';
import type { CreatedKey } from '../../../src/auth/open-key-store.ts';
import { SCOPES, type Principal } from '../../../src/auth/principal.ts';
import type { Caller } from '../../fixtures/permission-matrix.ts';
import {
  agentSays,
  modernCall,
  principalOf,
  startHarness,
  type Harness,
  type HarnessOptions,
} from '../../helpers/http-harness.ts';
import { keyOf } from '../../helpers/permission-keys.ts';
import { openPermissionWorld, type PermissionWorld } from '../../helpers/permission-world.ts';
import { until } from '../../helpers/until.ts';

/** Long before a test gives up, a stream that does not end is one that goes on. */
const LIMIT = { timeout: 20_000 };
const admin: Caller = { name: 'admin', shows: 'key', kind: 'admin', scopes: SCOPES };

let world: PermissionWorld;
before(async () => void (world = await openPermissionWorld()));
after(() => world[Symbol.asyncDispose]());

interface Heard {
  text: string;
  /** Resolves when the stream ends, rejects when it breaks off. */
  ended: Promise<void>;
}

async function hear(response: Response, begins = true): Promise<Heard> {
  assert.equal(response.status, 200);
  const heard: Heard = { text: '', ended: Promise.resolve() };
  heard.ended = (async () => {
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) heard.text += piece;
  })();
  // It is looked at later; until then it is no unhandled rejection.
  heard.ended.catch(() => undefined);
  if (begins) await until('the stream begins', () => heard.text !== '');
  return heard;
}

async function events(token: string): Promise<Heard> {
  const headers = { authorization: `Bearer ${token}` };
  return hear(await world.send('ops', { method: 'GET', path: '/admin/v1/events', headers }));
}

const LISTEN = modernCall('subscriptions/listen', {
  notifications: {
    resourcesListChanged: true,
    resourceSubscriptions: ['memory:///user.md', 'memory:///projects/a.md'],
  },
});

async function listen(token: string): Promise<Heard> {
  const headers = { ...LISTEN.headers, authorization: `Bearer ${token}` };
  return hear(await world.send('http', { method: 'POST', path: '/mcp', headers, body: LISTEN.body }));
}

const ENDS: Record<string, (key: CreatedKey) => Promise<unknown>> = {
  'is revoked': ({ id }) => world.keys.revoke(id),
  'is rotated away': ({ id }) => world.keys.rotate(id, { overlapMs: 0 }),
  'loses its scope': ({ id }) => world.keys.change(id, { scopes: ['metrics'] }),
  'may call from elsewhere only': ({ id }) => world.keys.change(id, { policy: { cidrs: ['10.0.0.0/8'] } }),
  // Nobody changes anything then: found by the clock.
  expires: ({ id }) => world.keys.change(id, { expiresAtMs: Date.now() + 200 }),
  // As another process would, past this one's store.
  'is revoked by another process': async ({ id }) => {
    using other = openCoreStore({ directory: world.stateDirectory });
    other.db.prepare('UPDATE api_keys SET revoked_ms = 1 WHERE id = ?').run(id);
  },
};
for (const [what, end] of Object.entries(ENDS)) {
  test(`the live feed ends when its key ${what}, and another key's goes on`, LIMIT, async () => {
    const stays = await events((await keyOf(world, admin)).key);
    const key = await keyOf(world, admin);
    const feed = await events(key.key);
    await world.keys.change(key.id, { name: 'the same by another name' });
    await end(key);
    await feed.ended;
    const before = stays.text.length;
    await until('the other goes on', () => stays.text.length > before);
  });
}

test('streams end with their token', LIMIT, async () => {
  const exp = Math.floor(Date.now() / 1000) + 4;
  const token = await world.tokenOf({ name: 'kim', shows: 'token', scopes: SCOPES }, { exp });
  const [feed, news] = [await events(token), await listen(token)];
  await Promise.all([feed.ended, news.ended]);
});

test('news end with the rights they were asked with: nothing outside the new paths is told', LIMIT, async () => {
  const key = await keyOf(world, { name: 'reader', shows: 'key', scopes: ['memory:read'] });
  const news = await listen(key.key);
  world.apps.mcp.notifyNotesChanged(['user.md'], true);
  await until('the news', () => news.text.includes('list_changed'));
  const told = news.text;
  await world.keys.change(key.id, { policy: { readPaths: ['projects/'] } });
  world.apps.mcp.notifyNotesChanged(['user.md'], true);
  await news.ended;
  assert.equal(news.text, told);

  const again = await listen(key.key);
  const acknowledged = again.text;
  world.apps.mcp.notifyNotesChanged(['user.md'], true);
  world.apps.mcp.notifyNotesChanged(['projects/a.md'], true);
  await until('the news of its paths', () => again.text.includes('list_changed'));
  assert.doesNotMatch(again.text.slice(acknowledged.length), /user\.md/);
  await world.keys.revoke(key.id);
  await again.ended;
});

test('an export that may not be finished breaks off: half of it must not look like all', LIMIT, async () => {
  const key = await keyOf(world, admin);
  const audit = world.admin.ports.audit;
  const { exportRows } = audit;
  audit.exportRows = function* () {
    for (;;) yield* exportRows.call(audit, {});
  };
  const headers = { authorization: `Bearer ${key.key}` };
  const response = await world.send('ops', { method: 'GET', path: '/admin/v1/audit/export', headers });
  await world.keys.revoke(key.id);
  await assert.rejects(response.text());
  audit.exportRows = exportRows;
});

/** Everything that this key, and no other, can ask of the harness. */
interface OneKey extends AsyncDisposable {
  harness: Harness;
  /** Undefined: revoked. Counts from the next request, as a change of a real key does. */
  now: Principal | undefined;
  asked: AskAgentRequest[];
  answer(): void;
}

async function startWithKey(first: Principal, apps: HarnessOptions['apps'] = {}): Promise<OneKey> {
  const asked: AskAgentRequest[] = [];
  const answered = Promise.withResolvers<AgentResult>();
  const harness = await startHarness({
    apps,
    ask(request) {
      asked.push(request);
      const aborted = Promise.withResolvers<never>();
      request.signal.addEventListener('abort', () => aborted.reject(request.signal.reason));
      return Promise.race([answered.promise, aborted.promise]);
    },
  });
  const { verifyKey } = harness.ports;
  const one: OneKey = {
    harness,
    now: first,
    asked,
    answer: () => answered.resolve(agentSays('done')),
    [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose](),
  };
  harness.ports.verifyKey = (token) => (token === 'one' ? (one.now ?? { failure: 'revoked' }) : verifyKey(token));
  harness.ports.principalOf = (id) => (id === one.now?.id ? one.now : undefined);
  return one;
}

async function ask({ harness, asked }: OneKey): Promise<Promise<string>[]> {
  const call = modernCall('tools/call', { name: 'use_memory_agent', arguments: { question: 'whales?' } });
  const answer = harness.post(call.body, { key: 'one', headers: call.headers }).then((response) => response.text());
  await until('the question runs', () => asked.length === 1);
  return [answer];
}

test('a question in flight ends when its key is revoked or may do something else', LIMIT, async () => {
  for (const now of [undefined, { ...principalOf(['agent']), policy: { readPaths: ['projects/'] } }]) {
    await using one = await startWithKey(principalOf(['agent']));
    const [answer] = await ask(one);
    one.now = now;
    assert.match((await answer) ?? '', /CANCELLED: The key of this question/);
    assert.equal(one.asked[0]?.signal.aborted, true);
    assert.deepEqual(
      one.harness.audit.map(({ outcome }) => outcome?.outcome),
      ['cancelled'],
    );
  }
});

test('a question asked with a token is answered, also when the token runs out meanwhile', LIMIT, async () => {
  const expiresAtMs = Date.now() + 500;
  await using one = await startWithKey({ ...principalOf(['agent'], 'jwt:x:kim'), kind: 'jwt', expiresAtMs });
  const [answer] = await ask(one);
  await until('the token has run out', () => Date.now() > expiresAtMs);
  one.harness.apps.callers.look();
  one.answer();
  assert.match((await answer) ?? '', /"reply":"done"/);
});

async function openSession({ post }: Harness, key: string): Promise<{ status: number; id: string }> {
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } };
  const response = await post({ jsonrpc: '2.0', id: 1, method: 'initialize', params }, { key });
  await response.text();
  return { status: response.status, id: response.headers.get('mcp-session-id') ?? '' };
}

async function follow({ url }: Harness, key: string, id: string): Promise<Heard> {
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${key}`, 'mcp-session-id': id };
  return hear(await fetch(url, { headers }), false);
}

test('a session of 2025 ends with its key, its stream with the rights it was opened with', LIMIT, async () => {
  const reader = principalOf(['memory:read'], 'k_one');
  await using one = await startWithKey(reader, { legacySessions: { maxSessions: 1 } });
  const { harness } = one;
  const { mcp } = harness.apps;
  const { id } = await openSession(harness, 'one');
  const stream = await follow(harness, 'one', id);
  mcp.notifyNotesChanged(['user.md'], true);
  await until('the news', () => stream.text.includes('list_changed'));
  const told = stream.text;
  one.now = { ...reader, policy: { readPaths: ['projects/'] } };
  mcp.notifyNotesChanged(['user.md'], true);
  await stream.ended;
  assert.equal(stream.text, told);

  const again = await follow(harness, 'one', id);
  mcp.notifyNotesChanged(['user.md'], true);
  mcp.notifyNotesChanged(['projects/a.md'], true);
  await until('the news of its paths', () => again.text.includes('list_changed'));
  assert.equal(again.text.match(/list_changed/g)?.length, 1);

  const other = harness.keyOf('memory:read');
  assert.equal((await openSession(harness, other)).status, 429, 'its place is taken');
  one.now = undefined;
  await again.ended;
  harness.ports.principalOf = () => principalOf(['memory:read']);
  await until('its place is free', async () => (await openSession(harness, other)).status === 200);
});

test('a question in a session of 2025 ends with its key as well', LIMIT, async () => {
  await using one = await startWithKey(principalOf(['agent']), { legacySessions: {} });
  const { harness } = one;
  const { id } = await openSession(harness, 'one');
  const params = { name: 'use_memory_agent', arguments: { question: 'whales?' } };
  const call = { jsonrpc: '2.0', id: 2, method: 'tools/call', params };
  const response = await harness.post(call, { key: 'one', headers: { 'mcp-session-id': id } });
  await until('the question runs', () => one.asked.length === 1);
  one.now = undefined;
  await response.text();
  await until('its end is in the audit', () => harness.audit[0]?.outcome !== undefined);
  assert.equal(harness.audit[0]?.outcome?.outcome, 'cancelled');
});

test('news in a session go to who may read notes, by the rights its stream was opened with', LIMIT, async () => {
  await using harness = await startHarness({ apps: { legacySessions: {} } });
  const callers: Record<string, Principal> = {
    reader: principalOf(['memory:read'], 'jwt:x:kim'),
    narrow: { ...principalOf(['memory:read'], 'jwt:x:kim'), policy: { readPaths: ['projects/'] } },
    asks: principalOf(['agent'], 'jwt:x:ask'),
  };
  const expiresAtMs = Date.now() + 60_000;
  harness.ports.verifyKey = (token) => {
    const caller = callers[token];
    return caller === undefined ? { failure: 'unknown' } : { ...caller, kind: 'jwt', expiresAtMs };
  };
  const [first, second, third] = [
    (await openSession(harness, 'reader')).id,
    (await openSession(harness, 'narrow')).id,
    (await openSession(harness, 'asks')).id,
  ];
  const whole = await follow(harness, 'reader', first);
  const narrow = await follow(harness, 'narrow', second);
  const deaf = await follow(harness, 'asks', third);
  // The same person with a token that may do more: not what the stream was opened with.
  const ping = { jsonrpc: '2.0', id: 2, method: 'ping' };
  await (await harness.post(ping, { key: 'reader', headers: { 'mcp-session-id': second } })).text();
  harness.apps.mcp.notifyNotesChanged(['user.md'], true);
  await until('the reader hears', () => whole.text.includes('list_changed'));
  harness.apps.mcp.notifyNotesChanged(['projects/a.md'], true);
  await until('the narrow one hears', () => narrow.text.includes('list_changed'));
  assert.equal(narrow.text.match(/list_changed/g)?.length, 1);
  assert.doesNotMatch(deaf.text, /list_changed/);
});
