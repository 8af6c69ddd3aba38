// Loads and compiles that take long are let live, ones that do nothing are not; on a clock that runs faster than the world's.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../helpers/until.ts';
import { openTestWorker, scaledClock } from './worker-fixture.ts';

/** A second is more than a minute. */
const FACTOR = 100;
const MINUTE_MS = 60_000;

test('a load of ten minutes with progress is not ended, and says how long it takes', async () => {
  await using fixture = openTestWorker({
    faults: { loadMs: (10 * MINUTE_MS) / FACTOR },
    options: { loadStallMs: 2 * MINUTE_MS, loadTimeoutMs: 60 * MINUTE_MS },
    ports: { clock: scaledClock(FACTOR) },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('loading');
  assert.equal(worker.status().lease, 'load');
  await fixture.untilState('ready');
  assert.equal(worker.status().lease, null);
  assert.equal(worker.status().lastFailure, null);
  const started = fixture.events.find((event) => event.kind === 'started');
  assert.ok(started !== undefined && started.durationMs >= 10 * MINUTE_MS, JSON.stringify(started));
});

test('a compile in silence for longer than a stall is not ended', async () => {
  await using fixture = openTestWorker({
    faults: { loadMs: 200, compileMs: (10 * MINUTE_MS) / FACTOR },
    options: { loadStallMs: 5 * MINUTE_MS, loadTimeoutMs: 60 * MINUTE_MS },
    ports: { clock: scaledClock(FACTOR) },
  });
  const { worker } = fixture;
  worker.start();
  await until('the compile lease', () => worker.status().lease === 'compile');
  await fixture.untilState('ready');
  assert.equal(worker.status().lease, null);
  assert.equal(worker.status().lastFailure, null);
});

test('a load that shows nothing is ended after its time, and started again', async () => {
  await using fixture = openTestWorker({
    faults: { loadMs: 60_000, loadSilent: true },
    options: { loadStallMs: 1500 },
  });
  const { worker } = fixture;
  worker.start();
  await until('a failure', () => worker.status().lastFailure !== null);
  assert.equal(worker.status().lastFailure?.kind, 'load');
  assert.match(worker.status().lastFailure?.reason ?? '', /no progress for 2 s/);
  await until('the next start', () => fixture.states().filter((state) => state === 'starting').length === 2);
  assert.ok(fixture.strays().length <= 1);
});

test('no load is longer than the longest', async () => {
  await using fixture = openTestWorker({ faults: { loadMs: 60_000 }, options: { loadTimeoutMs: 1000 } });
  fixture.worker.start();
  await until('a failure', () => fixture.worker.status().lastFailure !== null);
  assert.match(fixture.worker.status().lastFailure?.reason ?? '', /not ready after 1 s/);
});
