// The one end of a run: the first reason wins, and no promise that lost a race is left unheard.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { RunScope } from '../../../src/agent/run-scope.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';

function scopeFor(signal = new AbortController().signal, inMs = 10_000): RunScope {
  return new RunScope(signal, systemClock.monotonicMs() + inMs, systemClock);
}

async function failLater(): Promise<never> {
  await sleep(5);
  throw new Error('too late to matter');
}

test('work that fails after the end is heard by nobody and hurts nobody', async () => {
  const unheard: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', onUnhandled);
  try {
    using ended = scopeFor(AbortSignal.abort());
    await assert.rejects(ended.race(failLater()), { code: 'CANCELLED' });
    using ends = scopeFor();
    const racing = assert.rejects(ends.race(failLater()), { code: 'TURN_LIMIT' });
    ends.fail(new AppError('TURN_LIMIT', 'over'));
    await racing;
    await sleep(20);
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
  assert.deepEqual(unheard, []);
});

test('the first reason wins; the deadline and the end of the run are reasons too', async () => {
  using scope = scopeFor();
  scope.throwIfEnded();
  scope.fail(new AppError('AUDIT_UNAVAILABLE', 'full'));
  scope.fail(new AppError('CANCELLED', 'later'));
  assert.throws(() => scope.throwIfEnded(), { code: 'AUDIT_UNAVAILABLE' });
  assert.equal(scope.errorFor(new Error('x')), scope.signal.reason);

  using late = scopeFor(undefined, 10);
  await assert.rejects(late.race(new Promise(() => {})), { code: 'DEADLINE_EXCEEDED', hint: /agent\.deadline_ms/ });

  const over = scopeFor();
  over[Symbol.dispose]();
  assert.throws(() => over.throwIfEnded(), { code: 'CANCELLED' });
});

test("a reason given with the caller's signal is kept", () => {
  const controller = new AbortController();
  using scope = scopeFor(controller.signal);
  controller.abort(new AppError('DRAINING', 'shutting down'));
  assert.throws(() => scope.throwIfEnded(), { code: 'DRAINING' });
});
