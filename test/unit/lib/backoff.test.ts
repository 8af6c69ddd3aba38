// Back-off: doubles to its cap, jittered below it, begins anew after a reset, and never overflows.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createBackoff } from '../../../src/lib/backoff.ts';

test('waits double to the cap, between half of it and the whole', () => {
  for (const [random, share] of [
    [0, 0.5],
    [1, 1],
  ] as const) {
    const backoff = createBackoff({ firstMs: 100, maxMs: 1000, random: () => random });
    const waits = Array.from({ length: 6 }, () => backoff.nextMs());
    assert.deepEqual(
      waits,
      [100, 200, 400, 800, 1000, 1000].map((full) => full * share),
    );
    assert.equal(backoff.attempts, 6);
    backoff.reset();
    assert.equal(backoff.nextMs(), 100 * share);
  }
});

test('thousands of attempts stay at the cap, and two do not march in step', () => {
  const backoff = createBackoff({ firstMs: 1000, maxMs: 2000 });
  const waits = Array.from({ length: 5000 }, () => backoff.nextMs()).slice(1);
  assert.ok(waits.every((wait) => wait >= 1000 && wait <= 2000));
  assert.ok(new Set(waits).size > 4000);
});
