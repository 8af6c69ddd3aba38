// From nothing to ready and back to nothing, over the test engines as real processes.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { after, test } from 'node:test';
import { engineArgs, enginePrograms } from '../../helpers/engine/fake-commands.ts';
import { until } from '../../helpers/until.ts';
import { openTestWorker } from './worker-fixture.ts';
import { zombies } from './zombies.ts';

const SOCKET = `${tmpdir()}/mema-llama-${process.pid}.sock`;
after(() => rmSync(SOCKET, { force: true }));

test('vllm becomes ready on a Unix socket and leaves nothing behind', async () => {
  await using fixture = openTestWorker({ faults: { loadMs: 200 } });
  const { worker } = fixture;
  assert.equal(worker.status().state, 'stopped');
  worker.start();
  await fixture.untilState('ready');
  assert.deepEqual(fixture.states(), ['starting', 'loading', 'ready']);
  const status = worker.status();
  assert.equal(status.baseUrl, `unix:${fixture.directory}/run/worker-engine.sock`);
  assert.equal(status.servedModel, 'mem-agent');
  assert.ok(worker.isReady());
  assert.equal(fixture.strays()[0]?.pid, status.pid);
  const probe = await worker.probe();
  assert.deepEqual(
    probe.steps.map(({ step, ok }) => [step, ok]),
    [
      ['health', true],
      ['models', true],
      ['completion', true],
    ],
  );
  await worker[Symbol.asyncDispose]();
  assert.equal(worker.status().state, 'stopped');
  assert.deepEqual(fixture.strays(), []);
  assert.deepEqual(zombies(), []);
});

for (const [profile, options, served] of [
  ['vllm', { listen: '127.0.0.1:0', apiKey: 'a-key' }, 'mem-agent'],
  ['mlx', { precision: '8bit' }, 'driaforall/mem-agent-mlx-8bit'],
  ['llamacpp', { model: 'x/y-GGUF', apiKey: 'a-key' }, 'mem-agent'],
  ['llamacpp', { model: '/models/y.gguf', listen: `unix:${SOCKET}` }, 'mem-agent'],
  ['lmstudio', { precision: '4bit' }, 'mem-agent'],
] as const) {
  test(`${profile} ${Object.keys(options).join(', ')} becomes ready and is ended`, async () => {
    await using fixture = openTestWorker({ options: { profile, ...options } });
    const { worker } = fixture;
    worker.start();
    await fixture.untilState('ready');
    const status = worker.status();
    assert.equal(status.servedModel, served);
    assert.ok((await worker.probe()).ok);
    if (profile === 'lmstudio') assert.equal(status.pid, null);
    else assert.ok(fixture.strays().some((row) => row.pid === status.pid));
    await worker[Symbol.asyncDispose]();
    assert.deepEqual(fixture.strays(), []);
    assert.deepEqual(zombies(), []);
  });
}

test('command: any program, told where to listen', async () => {
  const [program = '', ...args] = engineArgs('vllm', { models: ['mem-agent'], port: 1, apiKey: 'k' });
  await using fixture = openTestWorker({
    options: {
      profile: 'command',
      command: process.execPath,
      args: [program, ...args.map((arg) => (arg === '1' ? '{port}' : arg))],
      apiKey: 'k',
    },
  });
  fixture.worker.start();
  await fixture.untilState('ready');
  assert.match(fixture.worker.status().baseUrl ?? '', /^http:\/\/127\.0\.0\.1:18[4-7]\d\d\/v1$/);
  assert.ok(enginePrograms.vllm.length > 0);
});

test('what can’t be started is failed, with the fix, and tried again by itself', async () => {
  await using fixture = openTestWorker({ options: { command: '/nowhere/vllm', trialMs: 50 } });
  fixture.worker.start();
  await fixture.untilState('failed');
  const { reason, lastFailure, retryInMs } = fixture.worker.status();
  assert.match(reason, /\/nowhere\/vllm can't be started \(ENOENT\)\. Install it/);
  assert.equal(lastFailure?.kind, 'spawn');
  assert.ok(retryInMs !== null);
  await assert.rejects(fixture.worker.startNow(), { code: 'WORKER_FAILED' });
  assert.ok(fixture.events.filter((event) => event.kind === 'restart').length > 0);
  assert.ok(fixture.worker.unavailable().retryAfterS >= 1);
});

test('a wrong name in its list keeps it from ready, and the reason says so', async () => {
  await using fixture = openTestWorker({ faults: { wrongModelName: 'other' } });
  fixture.worker.start();
  await fixture.untilState('loading');
  const { worker } = fixture;
  await until('the reason', () => worker.status().reason.includes('lists "other", not "mem-agent"'));
  assert.equal(worker.isReady(), false);
});
