// The worker and the models in the admin API: wishes audited with before and after, logs that follow, tests that don't block.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdminApp, createOfflineAdminApp } from '../../../src/http/admin/admin-app.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import type { WorkerLogLine, WorkerStatus } from '../../../src/worker/worker.ts';
import { createFakeWorker } from '../../helpers/fake-worker.ts';
import { appFor, createFakePorts } from './fake-ports.ts';

const POST = { method: 'POST' };
const postJson = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

interface Problem {
  code: string;
  hint: string;
}

test('an operator’s wish is audited with the state before and after, and answers how the worker is then', async () => {
  const worker = createFakeWorker();
  worker.set({ state: 'crash_loop', reason: 'five crashes' });
  const { ports, events } = createFakePorts({ worker });
  const app = appFor(ports, ['admin:read', 'admin:write']);
  const status = (await (await app.request('/worker')).json()) as WorkerStatus;
  assert.deepEqual([status.state, status.reason, status.pid], ['crash_loop', 'five crashes', 4711]);
  assert.equal(((await (await app.request('/worker/restart', POST)).json()) as WorkerStatus).state, 'starting');
  await app.request('/worker/stop', POST);
  await app.request('/worker/start', POST);
  const probe = await (await app.request('/worker/probe', POST)).json();
  assert.deepEqual(probe, { ok: true, steps: [{ step: 'health', ok: true, durationMs: 1, detail: 'HTTP 200' }] });
  assert.deepEqual(worker.calls, ['restartNow', 'stopNow', 'startNow', 'probe']);
  assert.deepEqual(
    events.map((event) => event.replace(' by k_caller over http', '')),
    [
      'intent worker.restart',
      'worker.restart from crash_loop to starting',
      'outcome ok',
      'intent worker.stop',
      'worker.stop from starting to stopped',
      'outcome ok',
      'intent worker.start',
      'worker.start from stopped to starting',
      'outcome ok',
      'intent worker.probe',
      'outcome ok',
    ],
  );
});

test('a wish that fails says why; without an audit nothing is wished', async () => {
  const worker = createFakeWorker();
  const fake = createFakePorts({ worker });
  const app = appFor(fake.ports, ['admin:write']);
  worker.failNext(new AppError('WORKER_FAILED', 'vllm: no such file', { hint: 'Set worker.command' }));
  const failed = await app.request('/worker/start', POST);
  assert.equal(failed.status, 503);
  assert.equal(((await failed.json()) as Problem).hint, 'Set worker.command');
  assert.equal(fake.audit.outcomes[0]?.code, 'WORKER_FAILED');
  fake.audit.failBegin = true;
  assert.equal((await app.request('/worker/stop', POST)).status, 503);
  assert.deepEqual(worker.calls, ['startNow']);
});

test('no worker: 404 with the setting to make; no daemon: 501', async () => {
  const { ports } = createFakePorts();
  const app = appFor(ports, ['admin:read', 'admin:write']);
  for (const [path, init] of [
    ['/worker', {}],
    ['/worker/logs?follow=true', {}],
    ['/worker/restart', POST],
  ] as const) {
    const response = await app.request(path, init);
    const problem = (await response.json()) as Problem;
    assert.deepEqual(
      [response.status, problem.code, problem.hint],
      [404, 'NOT_FOUND', 'Set worker.profile, for example vllm'],
    );
  }
  const offline = createOfflineAdminApp(createFakePorts({ running: false }).ports);
  for (const path of ['/worker', '/models']) assert.equal((await offline.request(path)).status, 501);
});

test('logs: the newest, then each new line once, until the reader goes, the client aborts or the daemon drains', async () => {
  const worker = createFakeWorker();
  const { ports, drained } = createFakePorts({ worker });
  const app = appFor(ports, ['admin:read']);
  for (const text of ['one', 'two', 'three']) worker.say(text);
  const texts = (list: WorkerLogLine[]): string[] => list.map((line) => line.text);
  assert.deepEqual(texts((await (await app.request('/worker/logs?limit=2')).json()) as WorkerLogLine[]), [
    'two',
    'three',
  ]);
  assert.equal((await app.request('/worker/logs?limit=-1')).status, 400);

  const lines = async (response: Response, count: number): Promise<string[]> => {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (text.split('\n').length <= count) text += (await reader?.read())?.value ?? '';
    reader?.releaseLock();
    return texts(
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as WorkerLogLine),
    );
  };
  const slowLogs = worker.logs;
  worker.logs = async (limit) => {
    const before = await slowLogs(limit);
    worker.say('said while the tail was read');
    return [...before, ...(await slowLogs(0))];
  };
  const first = await app.request('/worker/logs?limit=1&follow=true');
  assert.equal(first.headers.get('content-type'), 'application/x-ndjson');
  worker.logs = slowLogs;
  worker.say('five');
  assert.deepEqual(await lines(first, 3), ['three', 'said while the tail was read', 'five']);
  const gone = new AbortController();
  await app.request('/worker/logs?follow=true', { signal: gone.signal });
  assert.equal(worker.followers, 2);
  gone.abort();
  assert.equal(worker.followers, 1);
  drained.abort();
  assert.equal(worker.followers, 0);
  worker.say('to nobody');
});

test('a reader that does not read holds a thousand lines and no more', async () => {
  const worker = createFakeWorker();
  const { ports, drained } = createFakePorts({ worker });
  const response = await appFor(ports, ['admin:read']).request('/worker/logs?limit=0&follow=true');
  for (let count = 0; count < 5000; count++) worker.say('flood');
  drained.abort();
  assert.equal((await response.text()).trim().split('\n').length, 1000);
});

test('models: each backend with what it offers; one that is slow or down does not hide the others', async (t) => {
  const timeout = AbortSignal.timeout;
  t.mock.method(AbortSignal, 'timeout', () => timeout.call(AbortSignal, 20));
  const { ports } = createFakePorts();
  const list = (await (await appFor(ports, ['admin:read']).request('/models')).json()) as {
    name: string;
    models: string[];
    error?: { code: string };
  }[];
  assert.deepEqual(
    list.map(({ name, models, error }) => [name, models, error?.code]),
    [
      ['local', ['mem-agent'], undefined],
      ['slow', [], 'MODEL_UNAVAILABLE'],
      ['broken', [], 'MODEL_UNAVAILABLE'],
    ],
  );
});

test('models test: each or one is asked, after its intent, and a failure is a row', async () => {
  const { ports, events } = createFakePorts();
  const app = appFor(ports, ['admin:write']);
  const results = (await (await app.request('/models/test', postJson({}))).json()) as Record<string, unknown>[];
  assert.deepEqual(
    results.map(({ name, ok, text, error }) => [name, ok, text, error]),
    [
      ['local', true, 'yes', undefined],
      ['slow', true, 'yes', undefined],
      ['broken', false, undefined, { code: 'MODEL_UNAVAILABLE', message: 'refused', hint: 'start it' }],
    ],
  );
  assert.equal(events[0], 'intent model.test by k_caller over http');
  const one = (await (await app.request('/models/test', postJson({ name: 'local' }))).json()) as { name: string }[];
  assert.deepEqual(
    one.map(({ name }) => name),
    ['local'],
  );
  const unknown = await app.request('/models/test', postJson({ name: 'nobody' }));
  assert.equal(unknown.status, 404);
  assert.match(((await unknown.json()) as Problem).hint, /local, slow, broken/);
});

test('the OpenAPI document describes them', async () => {
  const spec = JSON.stringify(await (await createAdminApp(createFakePorts().ports).request('/openapi.json')).json());
  for (const word of ['crash_loop', 'retryInMs', 'half-open', 'timeToFirstTokenMs', 'durationMs'])
    assert.ok(spec.includes(word), word);
});
