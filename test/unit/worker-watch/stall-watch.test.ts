// The rule of a stall, on a clock that the test turns: what counts as progress, what pauses it, and what must not fool it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UNKNOWN_FIGURES } from '../../../src/worker/engine-metrics.ts';
import type { EngineFigures } from '../../../src/worker/engine-metrics.ts';
import { createStallWatch } from '../../../src/worker/stall-watch.ts';
import type { StallWatch } from '../../../src/worker/stall-watch.ts';
import { TurnedClock } from './turned-clock.ts';

const STALL_MS = 120_000;

function setUp(): { clock: TurnedClock; watch: StallWatch } {
  const clock = new TurnedClock();
  return { clock, watch: createStallWatch({ stallMs: STALL_MS, clock }) };
}

function figures(iterations: number | null, requestsRunning: number | null = null): EngineFigures {
  return { ...UNKNOWN_FIGURES, iterations, requestsRunning };
}

/** Seconds until it says stalled, read every second with the same figures; null when it does not in ten minutes. */
function secondsUntilStall(clock: TurnedClock, watch: StallWatch, each: (second: number) => void): number | null {
  for (let second = 1; second <= 600; second++) {
    clock.forward(1000);
    each(second);
    if (watch.isStalled()) return second;
  }
  return null;
}

test('a request and a counter that stands still: a stall after the limit, not before', () => {
  const { clock, watch } = setUp();
  watch.figures(figures(10));
  watch.requestStarted();
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(10, 1))),
    120,
  );
});

test('a counter that moves, or begins anew, is progress', () => {
  const { clock, watch } = setUp();
  watch.requestStarted();
  assert.equal(
    secondsUntilStall(clock, watch, (second) => watch.figures(figures(Math.floor(second / 100), 1))),
    null,
  );
  watch.figures(figures(500, 1));
  clock.forward(100_000);
  watch.figures(figures(3, 1));
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(3, 1))),
    120,
  );
});

test('without a counter, or with metrics out of reach, chunks are progress', () => {
  const { clock, watch } = setUp();
  watch.requestStarted();
  const every = (second: number): void => {
    watch.figures(UNKNOWN_FIGURES);
    if (second % 100 === 0) watch.chunk();
  };
  assert.equal(secondsUntilStall(clock, watch, every), null);
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(UNKNOWN_FIGURES)),
    120,
  );
});

test('metrics that come back with the same count are no progress', () => {
  const { clock, watch } = setUp();
  watch.figures(figures(7, 1));
  watch.requestStarted();
  const every = (second: number): void => watch.figures(second % 2 === 0 ? figures(7, 1) : UNKNOWN_FIGURES);
  assert.equal(secondsUntilStall(clock, watch, every), 120);
});

test('a new request beside one that hangs does not set the time back; nor do short ones that give up', () => {
  const { clock, watch } = setUp();
  watch.requestStarted();
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.requestStarted()),
    120,
  );

  const { clock: other, watch: retried } = setUp();
  // A client's own limit of 60 s, and 5 s between its trials: 120 s of waiting are 130 s by the clock.
  const every = (second: number): void => {
    if (second % 65 === 1) retried.requestStarted();
    if (second % 65 === 61) retried.requestEnded();
  };
  const found = secondsUntilStall(other, retried, every);
  assert.ok(found !== null && found >= 120 && found <= 132, String(found));
});

test('a question given up and one asked an hour later are no stall', () => {
  const { clock, watch } = setUp();
  watch.requestStarted();
  clock.forward(119_000);
  watch.requestEnded();
  clock.forward(3_600_000);
  watch.requestStarted();
  assert.equal(
    secondsUntilStall(clock, watch, () => undefined),
    120,
  );
});

test('nothing runs: never a stall, however long', () => {
  const { clock, watch } = setUp();
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(5, 0))),
    null,
  );
  clock.forward(86_400_000);
  assert.equal(watch.isStalled(), false);
});

test('what the engine runs for others counts too, as long as it says so', () => {
  const { clock, watch } = setUp();
  watch.figures(figures(5, 2));
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(5, 2))),
    120,
  );

  const { clock: other, watch: silent } = setUp();
  silent.figures(figures(5, 2));
  assert.equal(
    secondsUntilStall(other, silent, () => undefined),
    null,
    'old figures are no evidence',
  );
});

test('a lease: never a stall under it, and the time begins anew after it', () => {
  const { clock, watch } = setUp();
  watch.requestStarted();
  clock.forward(119_000);
  watch.leaseHeld('compile');
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(1, 1))),
    null,
  );
  watch.leaseHeld('load');
  assert.equal(
    secondsUntilStall(clock, watch, () => undefined),
    null,
  );
  watch.leaseHeld(null);
  assert.equal(
    secondsUntilStall(clock, watch, () => watch.figures(figures(1, 1))),
    120,
  );
});

test('idle time: since the last thing that ran or moved', () => {
  const { clock, watch } = setUp();
  clock.forward(5000);
  assert.equal(watch.idleForMs(), 5000);
  watch.requestStarted();
  clock.forward(5000);
  assert.equal(watch.idleForMs(), 0);
  watch.requestEnded();
  clock.forward(3000);
  assert.equal(watch.idleForMs(), 3000);
  watch.chunk();
  assert.equal(watch.idleForMs(), 0);
  assert.equal(watch.lastProgressMs(), clock.monotonicMs());
  clock.forward(10);
  watch.leaseHeld('sleep');
  clock.forward(10);
  assert.equal(watch.idleForMs(), 0);
  watch.leaseHeld(null);
  assert.equal(watch.idleForMs(), 0);
  watch.figures(figures(1, 3));
  clock.forward(1000);
  assert.equal(watch.idleForMs(), 0);
  watch.figures(figures(2, 0));
  clock.forward(1000);
  assert.equal(watch.idleForMs(), 1000);
});

test('an end too many is no harm', () => {
  const { clock, watch } = setUp();
  watch.requestEnded();
  watch.requestStarted();
  assert.equal(
    secondsUntilStall(clock, watch, () => undefined),
    120,
  );
});

test('whatever happens: a stall needs the whole limit of no progress, and never comes under a lease', () => {
  const step = fc.record({
    waitMs: fc.nat(50_000),
    act: fc.oneof(
      fc.constantFrom('start', 'end', 'chunk', 'unknown', 'load', 'free'),
      fc.record({ iterations: fc.option(fc.nat(3)), running: fc.option(fc.nat(2)) }),
    ),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { clock, watch } = setUp();
      let held = false;
      let calmMs = 0;
      let last: number | null = null;
      for (const { waitMs, act } of steps) {
        clock.forward(waitMs);
        calmMs += waitMs;
        if (watch.isStalled()) assert.ok(!held && calmMs >= STALL_MS);
        if (act === 'start') watch.requestStarted();
        else if (act === 'end') watch.requestEnded();
        else if (act === 'unknown') watch.figures(UNKNOWN_FIGURES);
        else if (act === 'load' || act === 'free') {
          if (held && act === 'free') calmMs = 0;
          held = act === 'load';
          watch.leaseHeld(held ? 'load' : null);
        } else if (act === 'chunk') {
          watch.chunk();
          calmMs = 0;
        } else {
          watch.figures(figures(act.iterations, act.running));
          if (act.iterations !== null) {
            if (last !== null && last !== act.iterations) calmMs = 0;
            last = act.iterations;
          }
        }
        if (calmMs === 0) assert.equal(watch.isStalled(), false);
        assert.ok(watch.idleForMs() >= 0);
      }
    }),
  );
});
