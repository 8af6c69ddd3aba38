// Routes with a worker behind them: skipped while it loads, woken when it sleeps, waited for when nobody else can answer.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { ask, createGate, down, hops, openBench, playBackend, playWorker, route, tooLong } from './router-fixture.ts';

test('a worker that loads is passed over without a fault, and asked again as soon as it is ready', async () => {
  const worker = playWorker('loading');
  const [a, b] = [playBackend('a'), playBackend('b')];
  const { router, events } = openBench([route(a, 0, { worker }), route(b, 1)]);
  assert.equal((await router.complete(ask())).text, 'from b');
  assert.deepEqual(
    [a.requests.length, router.of('a')?.state, router.of('a')?.reason, router.of('a')?.lastError],
    [0, 'not_ready', 'it is loading', null],
  );
  assert.deepEqual(hops(events), ['a>b not_ready']);
  worker.state = 'ready';
  assert.equal((await router.complete(ask())).text, 'from a');
});

test('a breaker that opened before the worker came back does not hold it up', async () => {
  const worker = playWorker();
  const [a, b] = [playBackend('a', down), playBackend('b')];
  const { router } = openBench([route(a, 0, { worker }), route(b, 1)], { breakerFailures: 1 });
  assert.equal((await router.complete(ask())).text, 'from b');
  worker.state = 'loading';
  assert.equal((await router.complete(ask())).text, 'from b');
  worker.state = 'ready';
  a.answer = 'back';
  assert.equal((await router.complete(ask())).text, 'back');
  assert.equal(router.of('a')?.breaker, 'closed');
});

test('nobody else: the turn waits for the worker, and the client hears of it', async () => {
  const worker = playWorker('loading');
  const said: string[] = [];
  const { router } = openBench([route(playBackend('a'), 0, { worker })]);
  setTimeout(() => (worker.state = 'ready'), 150);
  const reply = await router.complete(ask({ onProgress: (message) => said.push(message) }));
  assert.deepEqual([reply.text, said], ['from a', ['waiting for a: it is loading']]);
});

test('it waits no longer than it may, and not at all for who takes longer', async () => {
  const worker = playWorker('loading');
  const builtin = playBackend('builtin');
  const { router } = openBench([route(playBackend('a'), 0, { worker })], { waitForWorkerMs: 100 });
  worker.retryAfterS = 0.05;
  await assert.rejects(router.complete(ask()), { code: 'MODEL_UNAVAILABLE', message: /not ready: it is loading/ });
  worker.retryAfterS = 40;
  const startedMs = performance.now();
  await assert.rejects(router.complete(ask()), { code: 'MODEL_UNAVAILABLE', retryAfterS: 40 });
  assert.ok(performance.now() - startedMs < 80, 'waited for nothing');
  const { router: patient } = openBench([route(playBackend('a'), 0, { worker })], { waitForWorkerMs: 100 }, builtin);
  assert.equal((await patient.complete(ask())).backend, 'builtin');
});

test('a caller that goes away while it waits is gone at once', async () => {
  const worker = playWorker('loading');
  const { router } = openBench([route(playBackend('a'), 0, { worker })]);
  const controller = new AbortController();
  const asked = router.complete(ask({ signal: controller.signal }));
  await sleep(20);
  controller.abort(new AppError('DEADLINE_EXCEEDED', 'too late'));
  await assert.rejects(asked, { code: 'DEADLINE_EXCEEDED' });
});

test('asleep: a ready replica goes first, then it is woken before a lower group is asked', async () => {
  const worker = playWorker('asleep');
  worker.onWake = async (_signal, onProgress) => {
    onProgress('waking up');
    await sleep(30);
    worker.state = 'ready';
  };
  const [a, replica, lower] = [playBackend('a'), playBackend('replica'), playBackend('lower')];
  const { router } = openBench([route(a, 0, { worker }), route(replica, 0), route(lower, 1)], { breakerFailures: 1 });
  assert.equal((await router.complete(ask({ runId: '1' }))).text, 'from replica');
  assert.deepEqual([worker.wakes, router.of('a')?.state], [0, 'asleep']);
  replica.answer = down;
  const said: string[] = [];
  const reply = await router.complete(ask({ runId: '2', onProgress: (message) => said.push(message) }));
  assert.deepEqual([reply.text, worker.wakes, said], ['from a', 1, ['waking up']]);
});

test('while it wakes for one question, others wait with it instead of going to a lower group', async () => {
  const worker = playWorker('asleep');
  const woken = Promise.withResolvers<void>();
  worker.onWake = async () => {
    worker.state = 'loading';
    await woken.promise;
    worker.state = 'ready';
  };
  const cloud = playBackend('cloud');
  const { router } = openBench([route(playBackend('a'), 0, { worker }), route(cloud, 1, { isPaid: true })]);
  const asked = ['1', '2', '3'].map((runId) => router.complete(ask({ runId })));
  await sleep(10);
  woken.resolve();
  for (const reply of await Promise.all(asked)) assert.equal(reply.text, 'from a');
  assert.equal(cloud.requests.length, 0);
});

test('one that does not wake, or too slowly, gives way to the next group', async () => {
  const [broken, slow] = [playWorker('asleep'), playWorker('asleep')];
  broken.onWake = async () => {
    throw new AppError('MODEL_UNAVAILABLE', 'out of memory');
  };
  slow.onWake = async (signal) => {
    await new Promise((_resolve, reject) => signal.addEventListener('abort', reject, { once: true }));
  };
  for (const worker of [broken, slow]) {
    const routes = [route(playBackend('a'), 0, { worker }), route(playBackend('b'), 1)];
    const { router, events } = openBench(routes, { waitForWorkerMs: 60 });
    assert.equal((await router.complete(ask())).text, 'from b');
    assert.deepEqual(hops(events), ['a>b unavailable']);
  }
});

test('a worker that dies in the middle of the answer: the turn is asked again when it is back', async () => {
  const worker = playWorker();
  const a = playBackend('a', async (request) => {
    request.isComplete('half an ans');
    worker.state = 'loading';
    a.answer = 'whole';
    setTimeout(() => (worker.state = 'ready'), 100);
    throw new AppError('MODEL_UNAVAILABLE', 'broke off');
  });
  const { router } = openBench([route(a, 0, { worker })], { breakerFailures: 1 });
  assert.equal((await router.complete(ask())).text, 'whole');
  assert.deepEqual([worker.outcomes, worker.pieces], [['failed', 'ok'], 1]);
});

test('each request is bracketed at the worker with how it ended, and its result is not changed', async () => {
  const worker = playWorker();
  const gate = createGate();
  const seen: boolean[] = [];
  const a = playBackend('a', async (request) => {
    seen.push(request.isComplete('a'), request.isComplete('ab'));
    return 'ab';
  });
  const { router } = openBench([route(a, 0, { worker })]);
  await router.complete(ask({ isComplete: (text) => text === 'ab' }));
  assert.deepEqual([seen, worker.pieces], [[false, true], 2]);
  a.answer = tooLong;
  await assert.rejects(router.complete(ask()), { message: 'context too long' });
  a.answer = gate.hold;
  const controller = new AbortController();
  const cancelled = router.complete(ask({ signal: controller.signal }));
  controller.abort();
  await assert.rejects(cancelled, { code: 'CANCELLED' });
  assert.deepEqual(worker.outcomes, ['ok', 'ok', 'cancelled']);
});

test('says beforehand that nobody can answer in time, and when to come back', async () => {
  const worker = playWorker('ended');
  worker.retryAfterS = 40;
  const { router } = openBench([route(playBackend('a'), 0, { worker })], { waitForWorkerMs: 1000 });
  const refusal = router.refusal?.();
  assert.deepEqual([refusal?.code, refusal?.retryAfterS], ['MODEL_UNAVAILABLE', 40]);
  worker.retryAfterS = 0.5;
  assert.equal(router.refusal?.(), null);
  worker.state = 'ready';
  assert.equal(router.refusal?.(), null);
});
