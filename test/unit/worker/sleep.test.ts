// Idle unload: asleep where the engine has it, stopped where not; woken once for all who wait, who are told how it goes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import { until } from '../../helpers/until.ts';
import { TurnedClock } from '../worker-watch/turned-clock.ts';
import { askEngine } from './ask-engine.ts';
import { openTestWorker } from './worker-fixture.ts';

const never = (): AbortSignal => new AbortController().signal;

test('an engine with sleep keeps its process, and many waiters share one wake', async () => {
  await using fixture = openTestWorker({
    faults: { wakeMs: 300 },
    options: { idleUnloadMs: 300, args: ['--enable-sleep-mode'] },
  });
  const { worker } = fixture;
  worker.start();
  await until('asleep', () => worker.isAsleep());
  const { pid, state, reason, lease } = worker.status();
  assert.equal(state, 'stopped');
  assert.match(reason, /asleep: no question for/);
  assert.equal(worker.isReady(), false);
  assert.notEqual(pid, null);
  await until('the lease', () => worker.status().lease === 'sleep');
  assert.equal(lease === null || lease === 'sleep', true);
  const sleeping = await createEngineControl(worker.status().baseUrl ?? '').get('/is_sleeping');
  assert.match(sleeping, /true/);
  const told: string[] = [];
  await Promise.all(Array.from({ length: 20 }, () => worker.wake(never(), (message) => void told.push(message))));
  assert.ok(worker.isReady() && !worker.isAsleep());
  assert.equal(worker.status().pid, pid);
  assert.equal(worker.status().lease, null);
  assert.ok(told.length >= 20 && told.every((message) => /^loading the model, \d+ s$/.test(message)), told.join());
  assert.equal(await askEngine(worker), 'ok');
  const { received } = createEngineControl(worker.status().baseUrl ?? '');
  const wakes = JSON.stringify(await received()).match(/\/wake_up/g)?.length;
  assert.equal(wakes, 1);
});

test('an engine without sleep is stopped, and started again for a question', async () => {
  await using fixture = openTestWorker({ faults: { loadMs: 300 }, options: { idleUnloadMs: 300 } });
  const { worker } = fixture;
  worker.start();
  await until('unloaded', () => worker.isAsleep() && worker.status().pid === null && fixture.strays().length === 0);
  assert.equal(worker.status().state, 'stopped');
  const told: string[] = [];
  await worker.wake(never(), (message) => void told.push(message));
  assert.ok(worker.isReady());
  assert.match(told[0] ?? '', /^loading the model, 0 s$/);
  assert.equal(await askEngine(worker), 'ok');
  assert.equal(worker.status().restarts, 0);
});

test('no engine is unloaded while it answers', async () => {
  await using fixture = openTestWorker({ options: { idleUnloadMs: 300 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await createEngineControl(worker.status().baseUrl ?? '').setFaults({ ttftMs: 1500 });
  assert.equal(await askEngine(worker), 'ok');
  assert.deepEqual(fixture.states(), ['starting', 'loading', 'ready']);
});

test('who waits can go, and a wake that fails says when to come back', async () => {
  await using fixture = openTestWorker({
    faults: { loadMs: 3000 },
    options: { idleUnloadMs: 200, backoffFirstMs: 30_000, backoffMaxMs: 30_000 },
  });
  const { worker } = fixture;
  worker.start();
  await until('unloaded', () => worker.isAsleep() && worker.status().pid === null);
  const leaving = new AbortController();
  const left = assert.rejects(
    worker.wake(leaving.signal, () => undefined),
    { code: 'CANCELLED' },
  );
  const staying = assert.rejects(
    worker.wake(never(), () => undefined),
    (error: unknown) => {
      assert.ok(error instanceof Error && 'code' in error && 'retryAfterS' in error);
      assert.equal(error.code, 'MODEL_UNAVAILABLE');
      assert.ok(Number(error.retryAfterS) >= 15);
      return true;
    },
  );
  leaving.abort();
  await left;
  await fixture.untilState('loading');
  await until('its process', () => worker.status().pid !== null);
  process.kill(worker.status().pid ?? 0, 'SIGKILL');
  await staying;
  await assert.rejects(
    worker.wake(never(), () => undefined),
    { code: 'MODEL_UNAVAILABLE' },
  );
});

test('a long sleep is no long load: its time begins with the wake', async () => {
  const clock = new TurnedClock();
  await using fixture = openTestWorker({
    options: { idleUnloadMs: 600_000, canaryIdleMs: 3_600_000, args: ['--enable-sleep-mode'] },
    ports: { clock },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  clock.forward(600_001);
  await until('asleep', () => worker.status().lease === 'sleep');
  clock.forward(48 * 3_600_000);
  await worker.wake(never(), () => undefined);
  const started = fixture.events.flatMap((event) => (event.kind === 'started' ? [event.durationMs] : []));
  assert.deepEqual(started, [0, 0]);
  assert.equal(worker.status().restarts, 0);
});

test('an engine that dies in its sleep is loaded for the next question, and is no failure', async () => {
  await using fixture = openTestWorker({ options: { idleUnloadMs: 300, args: ['--enable-sleep-mode'] } });
  const { worker } = fixture;
  worker.start();
  await until('asleep', () => worker.status().lease === 'sleep');
  process.kill(worker.status().pid ?? 0, 'SIGKILL');
  await until('its end', () => worker.status().pid === null && fixture.strays().length === 0);
  assert.ok(worker.isAsleep());
  await worker.wake(never(), () => undefined);
  assert.equal(worker.status().lastFailure, null);
});
