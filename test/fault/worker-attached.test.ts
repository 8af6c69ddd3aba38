// A daemon and the worker's own process, either killed: the model stays loaded, the daemon answers throughout, and the
// command line sees both.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { WorkerStatus } from '../../src/worker/worker.ts';
import { callTool, type ToolAnswer } from '../helpers/call-tool.ts';
import type { EngineReply } from '../helpers/engine/script.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';
import { isAlive, workerServePlace, type WorkerServePlace } from '../helpers/worker-serve.ts';

const echo = (delayMs = 0): EngineReply => ({
  text: '<think>x</think>\n<python></python>\n<reply>you asked: $1</reply>',
  ...(delayMs > 0 && { chunkDelayMs: delayMs }),
});
const SCRIPT = {
  rules: [
    { pattern: '^(slow .*)$', replies: [echo(100)] },
    { pattern: '^(.*)$', replies: [echo()] },
  ],
};

const startIn = (place: WorkerServePlace): Promise<DaemonProcess> =>
  startDaemon({
    stateDir: join(place.path, 'daemon'),
    memoryDir: join(place.path, 'memory'),
    flags: ['--config', place.configFile, '--sandbox.standby=0', '--model.breaker-open-ms=500'],
  });
const ask = (daemon: DaemonProcess, question: string): Promise<ToolAnswer> =>
  callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', { question });

async function fetchAdmin(daemon: DaemonProcess, path: string): Promise<Response> {
  return fetch(`${daemon.opsUrl}${path}`, { headers: { authorization: `Bearer ${daemon.keys.admin}` } });
}

async function untilWorker(daemon: DaemonProcess, is: (status: WorkerStatus) => boolean): Promise<WorkerStatus> {
  const look = async (): Promise<WorkerStatus> =>
    (await (await fetchAdmin(daemon, '/admin/v1/worker')).json()) as WorkerStatus;
  let last = await look();
  const isSo = async (): Promise<boolean> => is((last = await look()));
  await until('the worker is so', isSo, 30_000);
  return last;
}

test(
  'SIGKILL of the daemon: the next one attaches to the loaded model; its questions have ended there',
  { timeout: 120_000 },
  async (context) => {
    await using place = workerServePlace({}, SCRIPT);
    await place.start();
    const first = await startIn(place);
    const { pid } = await untilWorker(first, ({ state }) => state === 'ready');
    assert.equal((await ask(first, 'one')).text, 'you asked: one');
    const cut = ask(first, 'slow two').catch((error: unknown) => error);
    await untilWorker(first, ({ requestsRunning }) => requestsRunning === 1);
    first.kill('SIGKILL');
    await first.exited;
    await cut;
    assert.ok(isAlive(pid ?? 0));

    const second = await startIn(place);
    const startedMs = performance.now();
    const status = await untilWorker(second, ({ state }) => state === 'ready');
    context.diagnostic(`attached ${Math.round(performance.now() - startedMs)} ms after the daemon was ready`);
    assert.equal(status.pid, pid);
    assert.equal(status.requestsRunning, 0);
    const answer = await ask(second, 'three');
    assert.deepEqual([answer.text, answer.structured['degraded']], ['you asked: three', false]);
    assert.deepEqual(await second.stop(), { code: 0, signal: null });
    assert.ok(isAlive(pid ?? 0), 'an orderly end of the daemon leaves it as well');
    assert.deepEqual(place.starts(), [pid], 'it was loaded once');
    for (const daemon of [first, second]) await daemon[Symbol.asyncDispose]();
  },
);

test(
  'SIGKILL of the worker process: builtin answers, the daemon says what to do, and takes the next one',
  { timeout: 120_000 },
  async () => {
    await using place = workerServePlace({}, SCRIPT);
    await using daemon = await startIn(place);
    const nobody = await untilWorker(daemon, ({ state }) => state === 'failed');
    assert.match(nobody.reason, /no worker process answers on .*worker\.sock; start it with mem-agent worker serve/);
    assert.equal((await ask(daemon, 'anybody?')).structured['backend'], 'builtin');
    const serve = await place.start();
    await untilWorker(daemon, ({ state }) => state === 'ready');
    assert.equal((await ask(daemon, 'one')).text, 'you asked: one');
    serve.kill('SIGKILL');
    await serve.exited;
    await untilWorker(daemon, ({ state }) => state === 'failed');
    const meanwhile = await ask(daemon, 'two');
    assert.ok(meanwhile.ok, meanwhile.text);
    const status = await daemon.cli('worker', 'status');
    assert.equal(status.code, 1);
    assert.match(status.stdout, /^worker \(vllm\): failed\n {2}why {7}no worker process answers/);
    await place.start();
    await untilWorker(daemon, ({ state }) => state === 'ready');
    assert.equal((await ask(daemon, 'three')).text, 'you asked: three');
  },
);

test('the command line and the metrics of a daemon whose worker is a process', { timeout: 120_000 }, async () => {
  await using place = workerServePlace({}, SCRIPT);
  await place.start();
  await using daemon = await startIn(place);
  const { pid } = await untilWorker(daemon, ({ state }) => state === 'ready');
  const list = await daemon.cli('models', 'list');
  assert.match(list.stdout, /^worker +0 +local +ok +closed +0 +mem-agent/m);
  assert.match(list.stdout, /^builtin +last /m);
  const tested = await daemon.cli('models', 'test', 'worker', '--json');
  assert.equal(tested.code, 0, tested.stdout);
  process.kill(pid ?? 0, 'SIGKILL');
  const status = await untilWorker(daemon, (now) => now.state === 'ready' && now.pid !== pid);
  assert.equal(status.lastFailure?.kind, 'crash');
  const metrics = await (await fetchAdmin(daemon, '/metrics')).text();
  assert.match(metrics, /^memagent_worker_state\{worker="worker",state="ready"\} 1$/m);
  assert.match(metrics, /^memagent_worker_restarts_total\{worker="worker",reason="crash"\} 1$/m);
  const logs = await daemon.cli('worker', 'logs', '-n', '20');
  assert.ok(logs.stdout.split('\n').length > 10, logs.stdout);
  const restarted = await daemon.cli('worker', 'restart');
  assert.equal(restarted.code, 0, restarted.stderr);
  const audit = await daemon.cli('audit', 'tail', '--json');
  assert.match(audit.stdout, /"worker\.restart"/);
});
