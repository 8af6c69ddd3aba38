// The watching parts together, on a real process that behaves as vLLM does: ready, at work, hung behind green health, slow.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { systemClock } from '../../../src/lib/clock.ts';
import { fetchEngineMetrics, parseEngineFigures, relabelEngineMetrics } from '../../../src/worker/engine-metrics.ts';
import { askCanary, probeReadiness } from '../../../src/worker/readiness.ts';
import { createStallWatch } from '../../../src/worker/stall-watch.ts';
import { requestEngine } from '../../../src/worker/worker-endpoint.ts';
import { createWorkerLog } from '../../../src/worker/worker-log.ts';
import { engineArgs, fakeEnvironment } from '../../helpers/engine/fake-commands.ts';
import { startEngine } from '../../helpers/engine/start-engine.ts';
import { readStrictly } from './strict-prometheus.ts';

const KEY = 'worker-key-0123456789';
const asking = { servedName: 'mem-agent', apiKey: KEY, timeoutMs: 20_000, signal: new AbortController().signal };

test('a hang behind green health: the counter stands still, the canary gets nothing, the watch says so', async () => {
  await using engine = await startEngine({ apiKey: KEY, script: { replies: ['a few words of an answer'] } });
  const probe = await probeReadiness(engine, { ...asking, healthPath: '/health' });
  assert.deepEqual(
    probe.steps.map(({ ok }) => ok),
    [true, true, true],
    JSON.stringify(probe),
  );

  const text = await fetchEngineMetrics(engine, asking);
  const before = parseEngineFigures(text);
  assert.ok(
    Object.values(before).every((figure) => figure !== null),
    JSON.stringify(before),
  );
  assert.ok(readStrictly(relabelEngineMetrics(text, 'worker')).length >= 10);
  await askCanary(engine, asking);
  const after = parseEngineFigures(await fetchEngineMetrics(engine, asking));
  assert.ok((after.iterations ?? 0) > (before.iterations ?? 0), 'a token is an iteration');

  const watch = createStallWatch({ stallMs: 1000, clock: systemClock });
  watch.figures(after);
  assert.equal(watch.isStalled(), false);
  await engine.setFaults({ hang: true });
  const startedMs = performance.now();
  watch.requestStarted();
  const stuck = requestEngine(engine, {
    method: 'POST',
    path: '/v1/chat/completions',
    body: { model: 'mem-agent', messages: [{ role: 'user', content: 'x' }], max_tokens: 5 },
    ...asking,
    timeoutMs: 60_000,
  });
  while (!watch.isStalled()) {
    assert.ok(performance.now() - startedMs < 20_000, 'the hang was not found');
    const health = await requestEngine(engine, { method: 'GET', path: '/health', ...asking });
    assert.equal(health.status, 200);
    watch.figures(parseEngineFigures(await fetchEngineMetrics(engine, asking)));
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.ok(performance.now() - startedMs >= 1000);
  await assert.rejects(askCanary(engine, { ...asking, timeoutMs: 200 }), { code: 'WORKER_FAILED' });
  const hung = await probeReadiness(engine, { ...asking, timeoutMs: 4000, healthPath: '/health' });
  assert.deepEqual(
    hung.steps.map(({ step, ok }) => `${step} ${ok}`),
    ['health true', 'models true', 'completion false'],
  );

  await engine.setFaults({});
  await stuck;
  watch.figures(parseEngineFigures(await fetchEngineMetrics(engine, asking)));
  assert.equal(watch.isStalled(), false);
});

test('a frozen process: every question ends with its limit', async () => {
  await using engine = await startEngine({ apiKey: KEY });
  engine.freeze();
  const probe = await probeReadiness(engine, { ...asking, timeoutMs: 300, healthPath: '/health' });
  assert.deepEqual(
    probe.steps.map(({ step, ok }) => `${step} ${ok}`),
    ['health false'],
  );
  await assert.rejects(fetchEngineMetrics(engine, { ...asking, timeoutMs: 300 }), { code: 'WORKER_FAILED' });
  engine.thaw();
  assert.equal((await probeReadiness(engine, { ...asking, healthPath: '/health' })).ok, true);
});

test('its log, from the first line of a load to its end', async () => {
  const log = createWorkerLog({ capacity: 500, linesPerSecond: 1000, clock: systemClock });
  const args = engineArgs('vllm', { models: ['mem-agent'], port: 0 });
  const faults = { loadMs: 400, logLinesPerSecond: 200 };
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...fakeEnvironment({ faults }) },
  });
  try {
    child.stdout.on('data', (chunk: Buffer) => log.write('stdout', chunk));
    child.stderr.on('data', (chunk: Buffer) => log.write('stderr', chunk));
    const closed = once(child, 'close');
    const deadline = Date.now() + 60_000;
    while (!log.tail(500).some(({ text }) => text === 'Application startup complete.')) {
      assert.ok(Date.now() < deadline, JSON.stringify(log.tail(20)));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill('SIGTERM');
    await closed;
    log.end();
    const lines = log.tail(500);
    const flood = lines.find(({ text }) => text.startsWith('flood line'));
    assert.deepEqual([flood?.level, flood?.source], ['warn', 'vllm.EngineCore_DP0.scheduler']);
    assert.ok(
      lines.some(({ source }) => source === 'uvicorn' || source.endsWith('.uvicorn')),
      JSON.stringify(lines),
    );
    assert.ok(
      lines.some(({ text }) => /100% Completed/.test(text)),
      'the bar’s last state',
    );
    assert.ok(lines.every(({ text }) => text !== '' && !/\r|\bpid=\d/.test(text.slice(0, 40))));
  } finally {
    child.kill('SIGKILL');
  }
});
