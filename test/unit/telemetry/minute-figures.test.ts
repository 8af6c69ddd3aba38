// The figures by the minute: what happened when, zeros where nothing did, three hours and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMinuteFigures, MINUTES_KEPT } from '../../../src/telemetry/minute-figures.ts';

const MINUTE_MS = 60_000;

test('each minute has its own figures, a quiet one is zeros, and old ones go', () => {
  let nowMs = 1000 * MINUTE_MS;
  const figures = createMinuteFigures({ nowMs: () => nowMs, monotonicMs: () => 0 });
  assert.deepEqual(
    figures.rows().map(({ startMs, calls, p50Ms }) => [startMs, calls, p50Ms]),
    [[nowMs, 0, null]],
  );
  for (let durationMs = 1; durationMs <= 1000; durationMs++) figures.toolCall({ durationMs, failed: durationMs > 990 });
  figures.request({ status: 200 });
  figures.request({ status: 503 });
  figures.tokens({ input: 10, output: 3 });
  figures.queue({ running: 2, waiting: 5 });
  figures.queue({ running: 1, waiting: 0 });
  nowMs += 2 * MINUTE_MS;
  figures.toolCall({ durationMs: 0.2, failed: false });
  const [busy, quiet, last, ...more] = figures.rows();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [busy?.calls, busy?.errors, busy?.requests, busy?.serverErrors, busy?.inputTokens, busy?.outputTokens],
    [1000, 10, 2, 1, 10, 3],
  );
  assert.deepEqual([busy?.maxRunning, busy?.maxWaiting], [2, 5]);
  assert.ok(Math.abs((busy?.p50Ms ?? 0) - 500) <= 50, `p50 ${busy?.p50Ms}`);
  assert.ok(Math.abs((busy?.p95Ms ?? 0) - 950) <= 95, `p95 ${busy?.p95Ms}`);
  assert.deepEqual([quiet?.calls, quiet?.p95Ms, last?.calls], [0, null, 1]);
  nowMs += 10 * MINUTES_KEPT * MINUTE_MS;
  assert.equal(figures.rows().length, MINUTES_KEPT);
  assert.equal(
    figures.rows().reduce((sum, { calls }) => sum + calls, 0),
    0,
  );
});

test('a clock that is set back starts no row twice and never throws', () => {
  let nowMs = 5000 * MINUTE_MS;
  const figures = createMinuteFigures({ nowMs: () => nowMs, monotonicMs: () => 0 });
  figures.request({ status: 200 });
  nowMs -= 60 * MINUTE_MS;
  figures.request({ status: 200 });
  const starts = figures.rows().map(({ startMs }) => startMs);
  assert.equal(new Set(starts).size, starts.length);
});
