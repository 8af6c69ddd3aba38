// A model that nobody asks is unloaded, and a question brings it back while its client is told what it waits for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { postJson } from '../helpers/call-tool.ts';
import { workerPlace } from '../helpers/worker-daemon.ts';

test('unloaded when idle, woken by a question whose client sees progress, and by a test of the operator', async () => {
  using place = workerPlace({ faults: { loadMs: 300 }, config: ['worker.idle_unload_ms = 1000'] });
  await using daemon = await place.start();
  await daemon.workerUntil(({ state }) => state === 'ready');
  await daemon.workerUntil(({ isAsleep, pid }) => isAsleep && pid === null);
  assert.equal((await fetch(`${daemon.opsUrl}/readyz`)).status, 200);
  const params = {
    name: 'use_memory_agent',
    arguments: { question: 'are you awake?' },
    _meta: { progressToken: 'p' },
  };
  const response = await postJson(
    { url: daemon.url, key: daemon.keys.client },
    JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  );
  const stream = await response.text();
  assert.match(stream, /notifications\/progress.*(?:load|wak)/i);
  assert.match(stream, /you asked: are you awake\?/);
  assert.equal(place.starts().length, 2);
  await daemon.workerUntil(({ isAsleep, pid }) => isAsleep && pid === null);
  const tested = await daemon.admin('POST', '/models/test', { name: 'worker' });
  assert.equal(tested.status, 200, JSON.stringify(tested.body));
  assert.equal(place.starts().length, 3);
});
