// Who is asked, in which order, and which failures go on to the next, end the turn, or are told as they are.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ChatBackend } from '../../../src/model/chat-backend.ts';
import {
  ask,
  badKey,
  busy,
  createGate,
  down,
  hops,
  noConsent,
  openBench,
  playBackend,
  route,
  tooLong,
} from './router-fixture.ts';

test('replicas first, then the next groups, each once, then the first once more', async () => {
  const order: string[] = [];
  const failing = (name: string): ChatBackend =>
    playBackend(name, async () => {
      order.push(name);
      throw down;
    });
  const { router, events } = openBench([route(failing('c'), 20), route(failing('a'), 10), route(failing('b'), 10)]);
  await assert.rejects(router.complete(ask()), { code: 'MODEL_UNAVAILABLE' });
  const [first = '', second = ''] = order;
  assert.deepEqual(new Set([first, second]), new Set(['a', 'b']));
  assert.deepEqual(order, [first, second, 'c', first]);
  assert.deepEqual(hops(events), [
    `${first}>${second} unavailable`,
    `${second}>c unavailable`,
    `c>${first} unavailable`,
  ]);
});

test('the best answers; a lower group says degraded, a replica does not', async () => {
  const [a, b, c] = [playBackend('a'), playBackend('b', down), playBackend('c')];
  const { router } = openBench([route(a, 0), route(b, 0), route(c, 5)]);
  for (let run = 0; run < 8; run += 1) {
    const reply = await router.complete(ask({ runId: `r${run}` }));
    assert.deepEqual([reply.text, reply.degraded], ['from a', false]);
  }
  a.answer = down;
  const reply = await router.complete(ask({ runId: 'later' }));
  assert.deepEqual([reply.text, reply.degraded, router.name], ['from c', true, 'a']);
});

test('a wrong key, a missing model or garbage is the backend’s own fault: the next is asked', async () => {
  for (const fault of [badKey, new AppError('MODEL_PROTOCOL', 'not the protocol'), new Error('a bug')]) {
    const a = playBackend('a', async () => {
      throw fault;
    });
    const { router } = openBench([route(a, 0), route(playBackend('b'), 1)]);
    assert.equal((await router.complete(ask())).text, 'from b');
    assert.equal(a.requests.length, 1);
  }
});

test('alone, a wrong key is shown as it is and not tried twice, also once the breaker is open', async () => {
  const a = playBackend('a', badKey);
  const { router } = openBench([route(a)], { breakerFailures: 2 }, playBackend('builtin'));
  for (let index = 0; index < 4; index += 1) await assert.rejects(router.complete(ask()), { code: 'MODEL_FAILED' });
  assert.equal(a.requests.length, 2);
});

test('what would fail anywhere is asked nowhere else, and is no fault of the backend', async () => {
  const [a, b] = [playBackend('a', tooLong), playBackend('b')];
  const { router } = openBench([route(a, 0), route(b, 1)], { breakerFailures: 1 });
  await assert.rejects(router.complete(ask()), { message: 'context too long' });
  assert.deepEqual([a.requests.length, b.requests.length, router.of('a')?.breaker], [1, 0, 'closed']);
});

test('the end of a run is not retried, and keeps its reason', async () => {
  const gate = createGate();
  const [a, b] = [playBackend('a', gate.hold), playBackend('b')];
  const { router } = openBench([route(a, 0), route(b, 1)], { breakerFailures: 1 });
  for (const reason of [new AppError('DEADLINE_EXCEEDED', 'too late'), undefined]) {
    const controller = new AbortController();
    const asked = router.complete(ask({ signal: controller.signal }));
    controller.abort(reason);
    await assert.rejects(asked, { code: reason?.code ?? 'CANCELLED' });
  }
  await assert.rejects(router.complete(ask({ signal: AbortSignal.abort() })), { code: 'CANCELLED' });
  assert.deepEqual([a.requests.length, b.requests.length, router.of('a')?.breaker], [2, 0, 'closed']);
});

test('an end during the pause before the retry counts at once', async () => {
  const a = playBackend('a', down);
  const { router } = openBench([route(a)], { retryPauseMs: 60_000 });
  const controller = new AbortController();
  const asked = router.complete(ask({ signal: controller.signal }));
  setImmediate(() => controller.abort());
  await assert.rejects(asked, { code: 'CANCELLED' });
  assert.equal(a.requests.length, 1);
});

test('a cloud that refuses is the error shown when nobody else can answer, and never in the way of who can', async () => {
  const a = playBackend('a', down);
  const cloud = playBackend('cloud', noConsent);
  const last = playBackend('last');
  const routes = [route(a, 0), route(cloud, 1, { trust: 'cloud', isPaid: true })];
  const { router, events } = openBench(routes, {}, playBackend('builtin'));
  await assert.rejects(router.complete(ask()), { code: 'CONSENT_REQUIRED' });
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'refused'),
    [{ kind: 'refused', backend: 'cloud', reason: 'CONSENT_REQUIRED' }],
  );
  assert.equal(cloud.requests.length, 1);
  assert.equal(router.of('cloud')?.breaker, 'closed');
  const more = openBench([...routes, route(last, 2)]);
  assert.equal((await more.router.complete(ask())).text, 'from last');
});

test('an audit that cannot be written ends the turn at once', async () => {
  const [cloud, last] = [playBackend('cloud', new AppError('AUDIT_UNAVAILABLE', 'disk full')), playBackend('last')];
  const { router } = openBench([route(cloud, 0), route(last, 1)]);
  await assert.rejects(router.complete(ask()), { code: 'AUDIT_UNAVAILABLE' });
  assert.equal(last.requests.length, 0);
});

test('429: the route rests for the time it named, without a fault to its breaker', async () => {
  const [a, b] = [playBackend('a', busy(0.3)), playBackend('b')];
  const { router, events } = openBench([route(a, 0), route(b, 1)], { breakerFailures: 1 });
  assert.equal((await router.complete(ask())).text, 'from b');
  a.answer = 'well again';
  assert.equal((await router.complete(ask())).text, 'from b');
  assert.deepEqual([router.of('a')?.state, router.of('a')?.breaker, a.requests.length], ['busy', 'closed', 1]);
  assert.deepEqual(hops(events), ['a>b busy', 'a>b busy']);
  await sleep(320);
  assert.equal((await router.complete(ask())).text, 'well again');
});

test('429 and nobody else: the turn waits, and says so', async () => {
  const a = playBackend('a', async () => {
    a.answer = 'now';
    throw busy(0.2);
  });
  const said: string[] = [];
  const { router } = openBench([route(a)]);
  const reply = await router.complete(ask({ onProgress: (message) => said.push(message) }));
  assert.deepEqual([reply.text, said], ['now', ['waiting for a: slow down']]);
});

test('a route that keeps failing is left alone and let back in by itself', async () => {
  const [a, b] = [playBackend('a', down), playBackend('b')];
  const { router, events } = openBench([route(a, 0), route(b, 1)], { breakerFailures: 2, breakerOpenMs: 100 });
  for (let index = 0; index < 4; index += 1) assert.equal((await router.complete(ask())).text, 'from b');
  assert.equal(a.requests.length, 2);
  assert.match(router.of('a')?.lastError ?? '', /^MODEL_UNAVAILABLE: connection refused$/);
  assert.equal(router.status().state, 'degraded');
  assert.match(router.status().reason, /^a: connection refused; b answers instead$/);
  a.answer = 'well again';
  await sleep(130);
  assert.equal((await router.complete(ask())).text, 'well again');
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'breaker' ? [`${event.backend} ${event.state}`] : [])),
    ['a open', 'a half-open', 'a closed'],
  );
  assert.deepEqual([router.of('a')?.lastError, router.status().state], [null, 'ok']);
});

test('while one request tries a lone route, the others wait for its first words, not for its answer', async () => {
  const a = playBackend('a', down);
  const { router } = openBench([route(a)], { breakerFailures: 1, breakerOpenMs: 300 });
  await assert.rejects(router.complete(ask()), { code: 'MODEL_UNAVAILABLE', retryAfterS: 1 });
  await sleep(400);
  const gate = createGate();
  const words = Promise.withResolvers<void>();
  a.answer = async (request) => {
    await words.promise;
    request.isComplete('first words');
    return await gate.hold(request);
  };
  const trial = router.complete(ask({ runId: 'trial' }));
  const other = router.complete(ask({ runId: 'other' }));
  await sleep(20);
  assert.equal(a.requests.length, 2);
  a.answer = 'at once';
  words.resolve();
  assert.equal((await other).text, 'at once');
  gate.open('the whole answer');
  assert.equal((await trial).text, 'the whole answer');
});

test('nobody can answer and no builtin: unavailable, with every reason and a time', async () => {
  const [a, b] = [playBackend('a', down), playBackend('b', new AppError('MODEL_UNAVAILABLE', 'timed out'))];
  const { router } = openBench([route(a, 0), route(b, 1)], { breakerFailures: 1, breakerOpenMs: 10_000 });
  const unavailable = (error: unknown): boolean => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'MODEL_UNAVAILABLE');
    assert.match(error.message, /a: connection refused; b: timed out/);
    assert.ok((error.retryAfterS ?? 0) >= 7 && (error.retryAfterS ?? 0) <= 12, String(error.retryAfterS));
    assert.match(error.userMessage, /Try again in \d+ s/);
    return true;
  };
  await assert.rejects(router.complete(ask()), unavailable);
  await assert.rejects(router.complete(ask()), unavailable);
  assert.deepEqual([a.requests.length, b.requests.length, router.status().state], [1, 1, 'failed']);
});

test('the list says by priority what every route does', async () => {
  const gate = createGate();
  const [a, b] = [playBackend('a', gate.hold), playBackend('b')];
  const { router } = openBench([route(b, 7, { trust: 'cloud', isPaid: true }), route(a, 3)]);
  const asked = router.complete(ask());
  const [first, second] = router.list();
  assert.deepEqual(
    [first?.name, first?.priority, first?.trust, first?.state, first?.breaker, first?.outstanding],
    ['a', 3, 'local', 'ready', 'closed', 1],
  );
  assert.deepEqual([second?.name, second?.trust, second?.isPaid, second?.outstanding], ['b', 'cloud', true, 0]);
  assert.ok(Math.abs(Date.parse(first?.since ?? '') - Date.now()) < 5000);
  assert.equal(router.of('nobody'), undefined);
  gate.open();
  await asked;
  assert.equal(router.of('a')?.outstanding, 0);
});
