// Crashes: found at once, everything that was left is ended, started again later and later, and the operator comes first.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';
import { TurnedClock } from '../worker-watch/turned-clock.ts';
import { askEngine } from './ask-engine.ts';
import { openTestWorker } from './worker-fixture.ts';
import { zombies } from './zombies.ts';

test('killed in the middle of an answer: found at once, replaced, and the next answer comes soon', async () => {
  await using fixture = openTestWorker();
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await createEngineControl(worker.status().baseUrl ?? '').setFaults({ ttftMs: 60_000 });
  const answer = askEngine(worker);
  await fixture.untilState('busy');
  const { pid } = worker.status();
  assert.ok(pid !== null);
  process.kill(pid, 'SIGKILL');
  assert.equal(await answer, 'failed');
  await fixture.untilState('backoff', 'starting', 'loading');
  assert.equal(worker.isReady(), false);
  assert.equal(worker.status().requestsRunning, 0);
  await fixture.untilState('ready');
  assert.equal(await askEngine(worker), 'ok');
  assert.notEqual(worker.status().pid, pid);
  const { lastFailure, restarts } = worker.status();
  assert.equal(restarts, 1);
  assert.equal(lastFailure?.kind, 'crash');
  assert.match(lastFailure.reason, /SIGKILL/);
  assert.ok(lastFailure.logTail.some((line) => line.includes('vLLM API server')));
  assert.match(lastFailure.metrics, /vllm:/);
  assert.ok(fixture.events.some((event) => event.kind === 'recovered' && event.downMs > 0));
  assert.deepEqual(zombies(), []);
});

test('a child in another session, one that is deaf to SIGTERM and one that holds the pipes end with a crash', async () => {
  using home = tempDirectory();
  const file = (name: string): string => join(home.path, name);
  await using fixture = openTestWorker({
    faults: {
      children: [
        { pidFile: file('plain') },
        { pidFile: file('session'), setsid: true, ignoresSigterm: true },
        { pidFile: file('pipes'), setsid: true, holdsPipes: true },
      ],
    },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  const before = new Set(fixture.strays().map((row) => row.pid));
  const children = ['plain', 'session', 'pipes'].map((name) => Number(readFileSync(file(name), 'utf8')));
  assert.ok(children.every((pid) => before.has(pid)));
  process.kill(worker.status().pid ?? 0, 'SIGKILL');
  await until('a new one', () => worker.isReady() && !before.has(worker.status().pid ?? 0));
  assert.deepEqual(
    fixture.strays().filter((row) => before.has(row.pid)),
    [],
  );
  assert.deepEqual(zombies(), []);
});

test('a crash while it loads says what it printed last', async () => {
  await using fixture = openTestWorker({
    faults: { crashAtStart: 1, crashAtStartAfterMs: 50 },
    options: { backoffFirstMs: 60_000, backoffMaxMs: 60_000 },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('backoff');
  const { lastFailure, reason, retryInMs } = worker.status();
  assert.match(reason, /exit code 1/);
  assert.match(lastFailure?.logTail.join('\n') ?? '', /CUDA out of memory/);
  assert.ok(retryInMs !== null && retryInMs > 20_000 && retryInMs <= 60_000);
  const { reason: said, retryAfterS } = worker.unavailable();
  assert.match(said, /^the worker is in state backoff: it ended by itself/);
  assert.ok(retryAfterS >= 30);
});

test('the default budget on a turned clock: five restarts, then a crash loop with one trial a minute, and an operator at once', async () => {
  using home = tempDirectory();
  const clock = new TurnedClock();
  const startsFile = join(home.path, 'starts');
  const starts = (): number => readFileSync(startsFile, 'utf8').trim().split('\n').length;
  await using fixture = openTestWorker({
    faults: { crashAtStart: 1 },
    fakes: { startsFile },
    options: { restartBudget: 5, restartWindowMs: 1_800_000, backoffFirstMs: 1000, backoffMaxMs: 60_000 },
    ports: { clock, random: () => 1 },
  });
  const { worker } = fixture;
  worker.start();
  for (const delayMs of [1000, 2000, 4000, 8000, 16_000]) {
    await fixture.untilState('backoff');
    assert.equal(worker.status().retryInMs, delayMs);
    const before = starts();
    clock.forward(delayMs - 1);
    await sleep(100);
    assert.equal(starts(), before, 'not before its time');
    clock.forward(1);
    await until('the next start', () => starts() === before + 1);
  }
  await fixture.untilState('crash_loop');
  assert.equal(starts(), 6);
  assert.equal(fixture.events.filter((event) => event.kind === 'crash_loop').length, 1);
  for (let trial = 1; trial <= 3; trial += 1) {
    await fixture.untilState('crash_loop');
    assert.equal(worker.status().retryInMs, 60_000);
    clock.forward(59_999);
    await sleep(100);
    assert.equal(starts(), 5 + trial);
    clock.forward(1);
    await until('a trial', () => starts() === 6 + trial);
  }
  await fixture.untilState('crash_loop');
  const before = starts();
  const restarted = worker.restartNow().catch((error: unknown) => error);
  await until('the operator’s start', () => starts() === before + 1);
  await restarted;
  await fixture.untilState('backoff');
  assert.equal(worker.status().retryInMs, 1000, 'the budget is whole again');
  assert.equal(worker.status().restarts, 10);
});

test('well again after some crashes: ready at the next trial, and the loop is over', async () => {
  using home = tempDirectory();
  await using fixture = openTestWorker({
    faults: { crashStarts: { count: 3, file: join(home.path, 'count') } },
    options: { restartBudget: 1, trialMs: 100 },
  });
  fixture.worker.start();
  await fixture.untilState('ready');
  assert.ok(fixture.states().includes('crash_loop'));
  assert.ok(fixture.events.some((event) => event.kind === 'recovered'));
});
