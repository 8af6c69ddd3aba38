// Hangs with green health: found in time by progress or canary, recorded, killed with all children, replaced.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { requestEngine } from '../../../src/worker/worker-endpoint.ts';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';
import { askEngine } from './ask-engine.ts';
import { openTestWorker, type TestWorker } from './worker-fixture.ts';
import { zombies } from './zombies.ts';

const controlOf = ({ worker }: TestWorker): ReturnType<typeof createEngineControl> =>
  createEngineControl(worker.status().baseUrl ?? '');

test('it hangs in an answer: found within its time and 2 s, killed with its children, replaced', async () => {
  using home = tempDirectory();
  const stallMs = 1500;
  await using fixture = openTestWorker({
    faults: {
      ignoreSigterm: true,
      children: [{ pidFile: join(home.path, 'child'), setsid: true, ignoresSigterm: true, holdsPipes: true }],
    },
    options: { stallMs, stopTimeoutMs: 500 },
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  const before = new Set(fixture.strays().map((row) => row.pid));
  assert.equal(before.size, 2);
  await controlOf(fixture).setFaults({ hang: true, ignoreSigterm: true });
  assert.equal((await worker.probe()).steps[0]?.ok, true, 'its health is green');
  const hungMs = performance.now();
  const answer = askEngine(worker);
  await fixture.untilState('stalled');
  const foundMs = performance.now() - hungMs;
  assert.ok(foundMs >= stallMs && foundMs < stallMs + 2000, `${foundMs}`);
  assert.equal(worker.isReady(), false);
  assert.equal(await answer, 'failed');
  await fixture.untilState('ready');
  assert.deepEqual(
    fixture.strays().filter((row) => before.has(row.pid)),
    [],
  );
  assert.deepEqual(zombies(), []);
  const { lastFailure } = worker.status();
  assert.equal(lastFailure?.kind, 'stall');
  assert.match(lastFailure.metrics, /vllm:iteration_tokens_total/);
  assert.ok(lastFailure.logTail.length > 0 && lastFailure.logTail.length <= 200);
  assert.ok(fixture.events.some((event) => event.kind === 'stalled'));
});

test('slow is not hung: pieces that come now and then keep it alive', async () => {
  await using fixture = openTestWorker({ options: { stallMs: 1000 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await controlOf(fixture).setFaults({ tokensPerSecond: 4 });
  assert.equal(await askEngine(worker, { maxTokens: 14 }), 'ok');
  assert.deepEqual(fixture.states(), ['starting', 'loading', 'ready']);
  assert.equal(worker.status().lastFailure, null);
});

test('an idle engine that no longer answers is found by its canaries', async () => {
  await using fixture = openTestWorker({ options: { canaryIdleMs: 300, canaryTimeoutMs: 400, canaryFailures: 3 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await until('a canary that came back', () => worker.status().lastCanaryIso !== null);
  await controlOf(fixture).setFaults({ hang: true });
  const { pid } = worker.status();
  await until('a failure', () => worker.status().lastFailure !== null);
  const failed = fixture.events.flatMap((event) => (event.kind === 'canary' && !event.ok ? [event.detail] : []));
  assert.equal(failed.length, 3);
  assert.match(failed[0] ?? '', /did not answer/);
  assert.equal(worker.status().lastFailure?.kind, 'canary');
  await until('a new one', () => worker.isReady() && worker.status().pid !== pid);
});

test('a canary that fails once is forgiven', async () => {
  await using fixture = openTestWorker({ options: { canaryIdleMs: 200, canaryFailures: 2 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  await controlOf(fixture).setFaults({ completionStatus: 500, forRequests: 1 });
  const outcomes = (): boolean[] => fixture.events.flatMap((event) => (event.kind === 'canary' ? [event.ok] : []));
  await until('one that failed, and then one that came back', () => /false,true/.test(outcomes().join()));
  assert.equal(worker.status().restarts, 0);
});

test('the GPU’s memory comes back before the next start', async () => {
  using home = tempDirectory();
  const gpuFile = join(home.path, 'gpu.json');
  writeFileSync(
    gpuFile,
    JSON.stringify({
      gpus: [
        {
          index: 0,
          name: 'A',
          memoryUsedMib: 100,
          memoryTotalMib: 24_000,
          utilisationPercent: 5,
          temperatureCelsius: 40,
        },
      ],
    }),
  );
  await using fixture = openTestWorker({
    faults: { gpuMemoryMib: 9000, gpuLingerMs: 1500 },
    fakes: { gpuFile },
    options: { gpuWaitMs: 20_000 },
    gpu: true,
  });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  const { pid } = worker.status();
  const killedMs = performance.now();
  process.kill(pid ?? 0, 'SIGKILL');
  await until('waiting', () => worker.status().reason.includes('memory of the GPU'));
  await until('a new one', () => worker.isReady() && worker.status().pid !== pid);
  assert.ok(performance.now() - killedMs >= 1500);
  assert.ok((worker.status().lastFailure?.gpus ?? []).length <= 1);
});

test('an engine that works for others is asked for no canary; once it is quiet it is', async () => {
  await using fixture = openTestWorker({ options: { canaryIdleMs: 1500 } });
  const { worker } = fixture;
  worker.start();
  await fixture.untilState('ready');
  const { baseUrl, servedModel } = worker.status();
  const body = { model: servedModel, messages: [{ role: 'user', content: 'x' }], max_tokens: 5 };
  const signal = new AbortController().signal;
  const canaries = (): number => fixture.events.filter(({ kind }) => kind === 'canary').length;
  const busyUntilMs = performance.now() + 5000;
  while (performance.now() < busyUntilMs) {
    const asked = { method: 'POST', path: '/v1/chat/completions', body, timeoutMs: 20_000, signal } as const;
    await requestEngine({ baseUrl: baseUrl ?? '' }, asked);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(canaries(), 0);
  await until('a canary', () => canaries() > 0);
});
