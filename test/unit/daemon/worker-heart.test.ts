// The supervisor as a heart: states that must pass are given their time and no more, states to stay in are never overdue.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitForFirstLoad } from '../../../src/daemon/first-load.ts';
import { createWorkerHeart } from '../../../src/daemon/worker-heart.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { defaultWorkerOptions } from '../../../src/worker/worker-options.ts';
import type { WorkerOptions } from '../../../src/worker/worker-options.ts';
import type { WorkerState } from '../../../src/worker/worker.ts';
import { createFakeWorker } from '../../helpers/fake-worker.ts';

const HOUR_MS = 3_600_000;
const OPTIONS: WorkerOptions = { ...defaultWorkerOptions, profile: 'vllm', model: 'm', runtimeDirectory: '/tmp' };

/** True when it beats within a moment. */
async function beats(beat: Promise<unknown>): Promise<boolean> {
  return await Promise.race([beat.then(() => true), sleep(50).then(() => false)]);
}

function handTurned(): Clock & { turn(ms: number): void } {
  let nowMs = 0;
  return { nowMs: () => nowMs, monotonicMs: () => nowMs, turn: (ms) => void (nowMs += ms) };
}

test('a step that never ends is no beat; one that goes on is', async () => {
  for (const state of ['starting', 'draining', 'stalled', 'loading', 'backoff', 'crash_loop'] as const) {
    const clock = handTurned();
    const worker = createFakeWorker();
    const heart = createWorkerHeart(worker, () => OPTIONS, clock, 5);
    worker.set({ state, reason: 'begins' });
    assert.ok(await beats(heart.beat()), state);
    clock.turn(60_000);
    assert.ok(await beats(heart.beat()), `${state} after a minute`);
    clock.turn(2 * HOUR_MS);
    const standing = heart.beat();
    assert.ok(!(await beats(standing)), `${state} after two hours`);
    worker.set({ reason: 'goes on' });
    assert.ok(await beats(standing), `${state} goes on`);
  }
});

test('nobody minds a state to stay in, whatever the model does', async () => {
  for (const state of ['ready', 'busy', 'stopped'] satisfies WorkerState[]) {
    const clock = handTurned();
    const worker = createFakeWorker();
    const heart = createWorkerHeart(worker, () => OPTIONS, clock, 5);
    worker.set({ state });
    assert.ok(await beats(heart.beat()));
    clock.turn(1000 * HOUR_MS);
    assert.ok(await beats(heart.beat()), state);
  }
});

test('a unit is started once the model answers or it is known why not; until then time is asked for', async () => {
  for (const end of ['ready', 'backoff', 'failed'] as const) {
    const worker = createFakeWorker();
    worker.set({ state: 'starting' });
    const asked: number[] = [];
    const notify = { extendTimeout: (ms: number): void => void asked.push(ms) };
    const started = waitForFirstLoad(worker, notify, new AbortController().signal, 1);
    await sleep(60);
    worker.set({ state: 'loading' });
    assert.ok(!(await beats(started)));
    assert.ok(asked.length >= 2 && asked.every((ms) => ms === 60_000), String(asked));
    worker.set({ state: end });
    assert.ok(await beats(started), end);
  }
  const worker = createFakeWorker();
  worker.set({ state: 'loading' });
  await waitForFirstLoad(worker, { extendTimeout: () => undefined }, AbortSignal.timeout(20), 1);
});
