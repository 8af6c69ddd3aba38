// One key with 1,000 queued questions delays another key's single question by at most one question's time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RunQueue } from '../../../src/agent/run-queue.ts';
import type { Clock } from '../../../src/lib/clock.ts';

const QUESTION_MS = 1000;
const signal = new AbortController().signal;
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Started {
  principal: string;
  atMs: number;
  waitedMs: number;
}

/** Plays the queue in virtual time: every question takes as long as every other. */
class PlayedQueue {
  readonly started: Started[] = [];
  readonly #running: { endsAtMs: number; place: Disposable }[] = [];
  readonly #clock: Clock & { ms: number } = {
    ms: 0,
    nowMs: () => this.#clock.ms,
    monotonicMs: () => this.#clock.ms,
  };
  readonly #queue: RunQueue;

  constructor(maxConcurrentRuns: number) {
    this.#queue = new RunQueue({ maxConcurrentRuns, maxQueuedRuns: 4000 }, this.#clock);
  }

  async ask(principal: string, count = 1): Promise<void> {
    const askedAtMs = this.#clock.ms;
    for (let index = 0; index < count; index += 1) {
      void this.#queue.enter(principal, signal).then((place) => {
        this.#running.push({ endsAtMs: this.#clock.ms + QUESTION_MS, place });
        this.started.push({ principal, atMs: this.#clock.ms, waitedMs: this.#clock.ms - askedAtMs });
      });
    }
    await settle();
  }

  async until(ms: number): Promise<void> {
    for (;;) {
      const next = this.#running.toSorted((a, b) => a.endsAtMs - b.endsAtMs)[0];
      if (next === undefined || next.endsAtMs > ms) break;
      this.#clock.ms = next.endsAtMs;
      this.#running.splice(this.#running.indexOf(next), 1);
      next.place[Symbol.dispose]();
      await settle();
    }
    this.#clock.ms = ms;
  }

  longestWaitOf(principal: string): number {
    return Math.max(...this.started.filter((one) => one.principal === principal).map(({ waitedMs }) => waitedMs));
  }

  countOf(principal: string): number {
    return this.started.filter((one) => one.principal === principal).length;
  }
}

for (const places of [1, 4]) {
  test(`with ${places} at once: a single question waits for no more than one other, whenever it comes`, async () => {
    const queue = new PlayedQueue(places);
    await queue.ask('busy', 1000);
    for (const atMs of [0, 2500, 5990, 9000, 12_010, 15_500, 20_999]) {
      await queue.until(atMs);
      await queue.ask(`single at ${atMs}`);
      await queue.until(atMs + QUESTION_MS);
      assert.equal(queue.countOf(`single at ${atMs}`), 1, `at ${atMs}`);
    }
    // The same key again and again, within its share: it has had its round, but so has the busy one.
    for (let atMs = 30_000; atMs < 60_000; atMs += 2300) {
      await queue.until(atMs);
      await queue.ask('regular');
    }
    await queue.until(70_000);
    assert.ok(queue.longestWaitOf('regular') <= QUESTION_MS, String(queue.longestWaitOf('regular')));
    assert.equal(queue.countOf('busy') + queue.countOf('regular') + 7, 70 * places + places, 'no place stood empty');
  });

  test(`with ${places} at once: two busy keys share evenly, whoever came first`, async () => {
    const queue = new PlayedQueue(places);
    await queue.ask('first', 500);
    await queue.until(40_000);
    const before = queue.countOf('first');
    await queue.ask('second', 500);
    await queue.until(60_000);
    const gained = [queue.countOf('first') - before, queue.countOf('second')];
    assert.ok(Math.abs((gained[0] ?? 0) - (gained[1] ?? 0)) <= 1, gained.join());
  });
}

test('runs in progress count: who has all the places goes behind who has none', async () => {
  const queue = new PlayedQueue(4);
  await queue.ask('busy', 4);
  await queue.ask('busy', 2);
  await queue.ask('late', 2);
  await queue.until(QUESTION_MS);
  assert.deepEqual(
    queue.started.slice(4).map(({ principal }) => principal),
    ['late', 'busy', 'late', 'busy'],
  );
});
