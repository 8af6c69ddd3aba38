// From nothing to ready and back to nothing, over the test engines as real processes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestWorker } from './worker-fixture.ts';
import { zombies } from './zombies.ts';

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
