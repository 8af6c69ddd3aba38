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
