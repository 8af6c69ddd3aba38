// An operator's wishes, the end of the daemon, and a server that is only watched.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import { createIdentityFile } from '../../../src/worker/identity-file.ts';
import { MARK_VARIABLE } from '../../../src/worker/process-family.ts';
import { readProcess } from '../../../src/worker/process-table.ts';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import { until } from '../../helpers/until.ts';
import { askEngine } from './ask-engine.ts';
import { openTestWorker } from './worker-fixture.ts';

test('stop, start and restart', async () => {
  await using fixture = openTestWorker();
  const { worker } = fixture;
  await worker.startNow();
  await fixture.untilState('ready');
  const { pid } = worker.status();
  await worker.startNow();
  assert.equal(worker.status().pid, pid, 'it runs already');
  await worker.restartNow();
  await fixture.untilState('ready');
  assert.notEqual(worker.status().pid, pid);
  await worker.stopNow();
  assert.equal(worker.status().state, 'stopped');
  assert.deepEqual(fixture.strays(), []);
  assert.equal(worker.isAsleep(), false);
  await worker.stopNow();
  await assert.rejects(
    worker.wake(new AbortController().signal, () => undefined),
    { code: 'MODEL_UNAVAILABLE' },
  );
  await worker.startNow();
  await fixture.untilState('ready');
  assert.equal(worker.status().restarts, 0, 'wishes are no restarts');
});

test('a stop lets a running answer end, a load does not hold it up', async () => {
  await using fixture = openTestWorker({ options: { stopTimeoutMs: 10_000 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await createEngineControl(worker.status().baseUrl ?? '').setFaults({ ttftMs: 1000 });
  const answer = askEngine(worker);
  await fixture.untilState('busy');
  const stopped = worker.stopNow();
  await fixture.untilState('draining');
  assert.equal(worker.isReady(), false);
  assert.equal(await answer, 'ok');
  await stopped;
  await using slow = openTestWorker({ faults: { loadMs: 60_000 } });
  slow.worker.start();
  await slow.untilState('loading');
  const startedMs = performance.now();
  await slow.worker.stopNow();
  assert.ok(performance.now() - startedMs < 5000);
});

test('an engine that is deaf to SIGTERM does not hold up the end of the daemon', async () => {
  await using fixture = openTestWorker({ faults: { ignoreSigterm: true }, options: { stopTimeoutMs: 500 } });
  fixture.worker.start();
  await fixture.untilState('ready');
  await fixture.worker[Symbol.asyncDispose]();
  assert.equal(fixture.state(), 'stopped');
  assert.deepEqual(fixture.strays(), []);
});

test('closing comes through in every state', async () => {
  for (const [faults, state] of [
    [{ crashAtStart: 1 }, 'backoff'],
    [{ loadMs: 60_000 }, 'loading'],
  ] as const) {
    await using fixture = openTestWorker({ faults, options: { backoffFirstMs: 60_000, backoffMaxMs: 60_000 } });
    fixture.worker.start();
    await fixture.untilState(state);
    await fixture.worker[Symbol.asyncDispose]();
    assert.equal(fixture.state(), 'stopped');
    assert.deepEqual(fixture.strays(), []);
  }
  await using asleep = openTestWorker({ options: { idleUnloadMs: 100, args: ['--enable-sleep-mode'] } });
  asleep.worker.start();
  await until('asleep', () => asleep.worker.status().lease === 'sleep');
  await asleep.worker[Symbol.asyncDispose]();
  assert.equal(asleep.state(), 'stopped');
  assert.deepEqual(asleep.strays(), []);
  await using unused = openTestWorker();
  await unused.worker[Symbol.asyncDispose]();
  assert.equal(unused.state(), 'stopped');
});

test('a watched server in the place of an engine: what a killed supervisor left is ended first', async () => {
  await using engine = await startEngine({});
  await using fixture = openTestWorker({ options: { profile: 'external', listen: engine.baseUrl } });
  const mark = randomUUID();
  const left = spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore', env: { [MARK_VARIABLE]: mark } });
  const ended = once(left, 'exit');
  const { runtimeDirectory, name } = fixture.options;
  createIdentityFile(runtimeDirectory, name).write({
    mark,
    pid: left.pid ?? 0,
    startToken: readProcess(left.pid ?? 0)?.startToken ?? '',
    gpuUsedBytes: 0,
    profile: 'vllm',
    baseUrl: '',
    startedIso: '',
  });
  fixture.worker.start();
  await fixture.untilState('ready');
  await ended;
  assert.ok(fixture.events.some((event) => event.kind === 'swept'));
});

test('an external server is watched, never touched, and trusted again by itself', async () => {
  await using engine = await startEngine({});
  await using fixture = openTestWorker({
    options: {
      profile: 'external',
      listen: engine.baseUrl,
      canaryIdleMs: 200,
      canaryTimeoutMs: 400,
      canaryFailures: 2,
      idleUnloadMs: 100,
    },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  assert.deepEqual(fixture.states(), ['loading', 'ready']);
  assert.equal(worker.status().pid, null);
  for (const wish of ['startNow', 'stopNow', 'restartNow'] as const)
    await assert.rejects(worker[wish](), { code: 'WORKER_FAILED' });
  await engine.setFaults({ hang: true });
  await fixture.untilState('stalled');
  assert.equal(worker.isReady(), false);
  await until('the record', () => worker.status().lastFailure?.kind === 'canary');
  await engine.setFaults({});
  await fixture.untilState('ready');
  assert.equal(await askEngine(worker), 'ok');
  await worker[Symbol.asyncDispose]();
  assert.equal(engine.process.exitCode, null);
  assert.equal(engine.process.signalCode, null);
});
