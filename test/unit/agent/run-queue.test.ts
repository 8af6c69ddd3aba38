// Places, turns between principals, bounds, cancellation and drain.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { RunQueue } from '../../../src/agent/run-queue.ts';
import type { Clock } from '../../../src/lib/clock.ts';

const signal = new AbortController().signal;

function clockAt(): Clock & { ms: number } {
  return {
    ms: 0,
    nowMs() {
      return this.ms;
    },
    monotonicMs() {
      return this.ms;
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many at once as allowed; the rest take turns by principal, not by call', async () => {
  const queue = new RunQueue({ maxConcurrentRuns: 1, maxQueuedRuns: 10 }, clockAt());
  const order: string[] = [];
  let place = await queue.enter('busy', signal);
  const enter = async (principal: string, label: string): Promise<void> => {
    place = await queue.enter(principal, signal);
    order.push(label);
  };
  const all = [
    enter('busy', 'b1'),
    enter('busy', 'b2'),
    enter('busy', 'b3'),
    enter('quiet', 'q1'),
    enter('third', 't1'),
    enter('quiet', 'q2'),
  ];
  assert.deepEqual([queue.depth, queue.running], [6, 1]);
  for (let index = 0; index < all.length; index += 1) {
    place[Symbol.dispose]();
    await settle();
  }
  await Promise.all(all);
  assert.deepEqual(order, ['q1', 't1', 'b1', 'q2', 'b2', 'b3']);
  place[Symbol.dispose]();
  assert.deepEqual([queue.depth, queue.running], [0, 0]);
});

test('a place is given back once, however often it is disposed of', async () => {
  const queue = new RunQueue({ maxConcurrentRuns: 2, maxQueuedRuns: 10 }, clockAt());
  const place = await queue.enter('a', signal);
  await queue.enter('a', signal);
  place[Symbol.dispose]();
  place[Symbol.dispose]();
  assert.equal(queue.running, 1);
});

test('a full queue refuses with a time to come back; somebody new still gets in', async () => {
  const clock = clockAt();
  const queue = new RunQueue({ maxConcurrentRuns: 1, maxQueuedRuns: 8 }, clock);
  const place = await queue.enter('a', signal);
  const waiting = Array.from({ length: 8 }, () => queue.enter('a', signal));
  await assert.rejects(queue.enter('a', signal), (error: unknown) => {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, 'QUEUE_FULL');
    assert.equal(error.status, 429);
    assert.equal(error.retryAfterS, 45);
    assert.match(error.userMessage, /45 s/);
    return true;
  });
  const newcomer = queue.enter('b', signal);
  await assert.rejects(queue.enter('c', signal), { code: 'QUEUE_FULL' });
  queue.close();
  place[Symbol.dispose]();
  const settled = await Promise.allSettled([...waiting, newcomer]);
  assert.ok(settled.every((one) => one.status === 'rejected'));
});

test('one principal fills its own share of the queue and no more; others still get in', async () => {
  const options = { maxConcurrentRuns: 1, maxQueuedRuns: 8, maxQueuedRunsPerPrincipal: 3 };
  const queue = new RunQueue(options, clockAt());
  assert.equal(queue.refusalOf('a'), null);
  const place = await queue.enter('a', signal);
  const waiting = Array.from({ length: 3 }, () => queue.enter('a', signal));
  assert.deepEqual([queue.refusalOf('a')?.code, queue.refusalOf('a')?.retryAfterS], ['QUEUE_FULL', 20]);
  await assert.rejects(queue.enter('a', signal), { code: 'QUEUE_FULL', message: /of yours/, retryAfterS: 20 });
  assert.equal(queue.refusalOf('b'), null);
  waiting.push(queue.enter('b', signal));
  place[Symbol.dispose]();
  await settle();
  assert.deepEqual([queue.running, queue.depth], [1, 3]);
  queue.close();
  assert.equal(queue.refusalOf('b')?.code, 'DRAINING');
  await Promise.allSettled(waiting);
});

test('whoever goes away while waiting leaves no trace', async () => {
  const queue = new RunQueue({ maxConcurrentRuns: 1, maxQueuedRuns: 8 }, clockAt());
  const place = await queue.enter('a', signal);
  const controller = new AbortController();
  const gone = queue.enter('b', controller.signal);
  const stays = queue.enter('c', signal);
  controller.abort();
  await assert.rejects(gone, { code: 'CANCELLED' });
  assert.equal(queue.depth, 1);
  place[Symbol.dispose]();
  (await stays)[Symbol.dispose]();
  await assert.rejects(queue.enter('b', AbortSignal.abort()), { code: 'CANCELLED' });
  assert.deepEqual([queue.depth, queue.running], [0, 0]);
});

test('closed: waiters and newcomers are refused, waits are reported', async () => {
  const clock = clockAt();
  const waits: number[] = [];
  const queue = new RunQueue({ maxConcurrentRuns: 1, maxQueuedRuns: 8 }, clock, (waitMs) => waits.push(waitMs));
  const place = await queue.enter('a', signal);
  const second = queue.enter('a', signal);
  clock.ms = 300;
  place[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  assert.deepEqual(waits, [0, 300]);
  queue.close();
  await assert.rejects(queue.enter('a', signal), { code: 'DRAINING' });
});

test('a principal with a limit of its own waits for its own places; nobody waits behind it', async () => {
  const queue = new RunQueue({ maxConcurrentRuns: 3, maxQueuedRuns: 10 }, clockAt());
  const admitted: string[] = [];
  const places = new Map<string, Disposable>();
  const enter = async (principal: string, label: string, maxRuns?: number): Promise<void> => {
    places.set(label, await queue.enter(principal, signal, maxRuns));
    admitted.push(label);
  };
  const leave = async (label: string): Promise<void> => {
    places.get(label)?.[Symbol.dispose]();
    await settle();
  };
  const all = [enter('few', 'f1', 1), enter('few', 'f2', 1), enter('few', 'f3', 1), enter('other', 'o1')];
  await settle();
  assert.deepEqual(admitted, ['f1', 'o1'], 'one place is free, and the waiting ones may not have it');
  assert.deepEqual([queue.depth, queue.running], [2, 2]);
  assert.equal(queue.refusalOf('other'), null);
  await leave('o1');
  assert.deepEqual(admitted, ['f1', 'o1']);
  await leave('f1');
  assert.deepEqual(admitted, ['f1', 'o1', 'f2']);
  all.push(enter('other', 'o2'), enter('other', 'o3'), enter('other', 'o4'));
  await settle();
  assert.deepEqual(admitted.slice(3), ['o2', 'o3']);
  await leave('f2');
  assert.deepEqual(admitted.slice(5), ['f3'], 'the first of its round');
  await leave('f3');
  await Promise.all(all);
  for (const place of places.values()) place[Symbol.dispose]();
  assert.deepEqual([queue.depth, queue.running], [0, 0]);
});

test('no order of comings and goings gives a principal more than it may, loses a place, or leaves one idle', async () => {
  const queue = new RunQueue({ maxConcurrentRuns: 4, maxQueuedRuns: 1000 }, clockAt());
  const caps: Record<string, number> = { a: 1, b: 2, c: Infinity };
  const running: Record<string, number> = { a: 0, b: 0, c: 0 };
  const waiting: Record<string, number> = { a: 0, b: 0, c: 0 };
  const places: { name: string; place: Disposable }[] = [];
  let state = 42;
  const next = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return (state >>> 8) % below;
  };
  for (let step = 0; step < 3000; step += 1) {
    if (queue.depth < 20 && next(2) === 0) {
      const name = ['a', 'b', 'c'][next(3)] ?? 'c';
      waiting[name] = (waiting[name] ?? 0) + 1;
      void queue.enter(name, signal, caps[name]).then((place) => {
        waiting[name] = (waiting[name] ?? 0) - 1;
        running[name] = (running[name] ?? 0) + 1;
        places.push({ name, place });
      });
    } else {
      const [left] = places.splice(next(Math.max(1, places.length)), 1);
      if (left !== undefined) {
        running[left.name] = (running[left.name] ?? 0) - 1;
        left.place[Symbol.dispose]();
      }
    }
    await settle();
    for (const [name, count] of Object.entries(running)) assert.ok(count <= (caps[name] ?? 0), `${name}: ${count}`);
    const total = Object.values(running).reduce((sum, count) => sum + count, 0);
    assert.equal(queue.running, total);
    const couldRun = Object.keys(caps).some(
      (name) => (waiting[name] ?? 0) > 0 && (running[name] ?? 0) < (caps[name] ?? 0),
    );
    assert.ok(total === 4 || !couldRun, 'a place is free and somebody waits who may have it');
  }
});
