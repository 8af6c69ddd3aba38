// The restart policy on a turned clock and with given chance: back-off, budget, trials, and what clears them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRestartPolicy, type RestartPolicy } from '../../../src/worker/restart-policy.ts';
import { defaultWorkerOptions } from '../../../src/worker/worker-options.ts';
import { TurnedClock } from '../worker-watch/turned-clock.ts';

function create(
  options: Partial<typeof defaultWorkerOptions> | Record<string, number> = {},
  random: () => number = () => 1,
): { policy: RestartPolicy; clock: TurnedClock } {
  const clock = new TurnedClock();
  return { policy: createRestartPolicy({ ...defaultWorkerOptions, ...options }, { clock, random }), clock };
}

test('1, 2, 4 … 60 s, jittered between half and the whole', () => {
  const upper = create({ restartBudget: -1 }).policy;
  const delays = Array.from({ length: 9 }, () => upper.failed().delayMs / 1000);
  assert.deepEqual(delays, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  const lower = create({ restartBudget: -1 }, () => 0).policy;
  assert.deepEqual([lower.failed().delayMs, lower.failed().delayMs], [500, 1000]);
});

test('with an unlimited budget 10,000 failures never make a crash loop, nor a wait above the cap', () => {
  const { policy } = create({ restartBudget: -1 });
  for (let index = 0; index < 10_000; index += 1) {
    const { kind, delayMs } = policy.failed();
    assert.equal(kind, 'backoff');
    assert.ok(delayMs <= 60_000);
  }
  assert.equal(policy.restarts, 10_000);
});

test('the default budget: five restarts in half an hour, then one trial a minute until it stays well', () => {
  const { policy, clock } = create();
  for (let index = 0; index < 5; index += 1) {
    assert.equal(policy.failed().kind, 'backoff');
    clock.forward(60_000);
  }
  for (let index = 0; index < 40; index += 1) {
    assert.deepEqual(policy.failed(), { kind: 'crash_loop', delayMs: 60_000 });
    clock.forward(60_000);
    policy.ready();
    clock.forward(60_000);
  }
  policy.ready();
  clock.forward(600_000);
  assert.deepEqual(policy.failed(), { kind: 'backoff', delayMs: 1000 });
});

test('failures that are far apart never use the budget up', () => {
  const { policy, clock } = create();
  for (let index = 0; index < 50; index += 1) {
    assert.equal(policy.failed().kind, 'backoff');
    clock.forward(361_000);
  }
});

test('ten minutes of health clear the back-off, less does not', () => {
  const { policy, clock } = create({ restartBudget: -1 });
  policy.failed();
  policy.failed();
  policy.ready();
  clock.forward(599_000);
  assert.equal(policy.failed().delayMs, 4000);
  policy.ready();
  clock.forward(600_000);
  assert.equal(policy.failed().delayMs, 1000);
});

test('an operator’s wish clears everything at once, but the count of restarts', () => {
  const { policy } = create({ restartBudget: 0 });
  assert.equal(policy.failed().kind, 'crash_loop');
  policy.clear();
  assert.equal(policy.failed().kind, 'crash_loop', 'a budget of none has none to give back');
  const { policy: five } = create();
  for (let index = 0; index < 6; index += 1) five.failed();
  five.clear();
  assert.deepEqual(five.failed(), { kind: 'backoff', delayMs: 1000 });
  assert.equal(five.restarts, 7);
});
