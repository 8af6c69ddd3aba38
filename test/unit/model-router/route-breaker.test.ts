// When a route is left alone, and that one request, not more, finds out whether it is well again.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { RouteBreaker } from '../../../src/model/router/route-breaker.ts';
import type { Admission, BreakerState, Verdict } from '../../../src/model/router/route-breaker.ts';

function openBreaker(openMs = 60_000, failures = 3): { breaker: RouteBreaker; states: BreakerState[] } {
  const states: BreakerState[] = [];
  const onChange = (state: BreakerState): void => void states.push(state);
  return { breaker: new RouteBreaker({ failures, openMs, clock: systemClock, onChange }), states };
}

function admitted(breaker: RouteBreaker): Admission {
  const admission = breaker.admit();
  assert.ok(admission !== null, 'not admitted');
  return admission;
}

async function requests(breaker: RouteBreaker, ...verdicts: Verdict[]): Promise<void> {
  for (const verdict of verdicts) await admitted(breaker).end(verdict);
}

test('opens after so many faults in a row, and only then', async () => {
  const { breaker, states } = openBreaker();
  await requests(breaker, 'fault', 'fault', 'answered', 'fault', 'unknown', 'fault');
  assert.equal(breaker.state, 'closed');
  await requests(breaker, 'fault');
  assert.equal(breaker.state, 'open');
  assert.equal(breaker.admit(), null);
  assert.ok(breaker.retryInMs() > 40_000 && breaker.retryInMs() <= 72_000, String(breaker.retryInMs()));
  assert.deepEqual(states, ['open']);
});

test('faults of requests that ran at the same time count too', async () => {
  const { breaker } = openBreaker();
  const running = Array.from({ length: 32 }, () => admitted(breaker));
  await Promise.all(running.map((admission) => admission.end('fault')));
  assert.equal(breaker.state, 'open');
});

test('after the pause one request tries; its first sign of life lets the others in', async () => {
  const { breaker, states } = openBreaker(20, 1);
  await requests(breaker, 'fault');
  await sleep(30);
  assert.equal(breaker.retryInMs(), 0);
  const trial = admitted(breaker);
  assert.deepEqual([breaker.state, breaker.admit()], ['half-open', null]);
  trial.alive();
  await sleep(0);
  assert.equal(breaker.state, 'closed');
  await requests(breaker, 'answered');
  await trial.end('answered');
  assert.deepEqual(states, ['open', 'half-open', 'closed']);
});

test('a trial that fails or is broken off leaves it open; one that dies after its first words counts', async () => {
  const { breaker } = openBreaker(20, 1);
  await requests(breaker, 'fault');
  for (const verdict of ['fault', 'unknown'] as const) {
    await sleep(30);
    await requests(breaker, verdict);
    assert.equal(breaker.state, 'open', verdict);
  }
  await sleep(30);
  const trial = admitted(breaker);
  trial.alive();
  await sleep(0);
  await trial.end('fault');
  assert.equal(breaker.state, 'open');
});

test('the pause can be cut short', async () => {
  const { breaker } = openBreaker(60_000, 1);
  await requests(breaker, 'fault');
  breaker.trialNow();
  await requests(breaker, 'answered');
  assert.equal(breaker.state, 'closed');
  await requests(breaker, 'fault');
  assert.ok(breaker.retryInMs() > 40_000, 'the next pause is a whole one');
});
