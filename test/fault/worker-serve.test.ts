// The worker in a process of its own: ends its engine in order or at once, survives nothing silently, leaves no orphan.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/lib/clock.ts';
import { connectWorker } from '../../src/worker/connect-worker.ts';
import type { Worker } from '../../src/worker/worker.ts';
import { openNotifySocket } from '../helpers/notify-socket.ts';
import { until } from '../helpers/until.ts';
import { isAlive, workerServePlace, type WorkerServePlace } from '../helpers/worker-serve.ts';

function attach(place: WorkerServePlace): Worker {
  const worker = connectWorker({ name: 'worker', socketPath: place.socketPath, clock: systemClock });
  worker.start();
  return worker;
}

test('the command line sees and steers it; SIGTERM ends the engine, then itself', { timeout: 60_000 }, async () => {
  await using place = workerServePlace();
  const serve = await place.start();
  await using worker = attach(place);
  await until('ready', () => worker.isReady());
  const [first = 0] = place.starts();
  assert.equal(worker.status().pid, first);
  // No daemon has ever run here: a store is made so that the wish can be audited.
  assert.equal((await place.cli('keys', 'list')).code, 0);
  const status = await place.cli('worker', 'status');
  assert.equal(status.code, 0, status.stderr);
  assert.match(status.stdout, /^worker \(vllm\): ready, process \d+\n/);
  const probe = await place.cli('worker', 'probe');
  assert.match(probe.stdout, /^The worker answers\.\n/);
  assert.equal((await place.cli('worker', 'restart')).code, 0);
  await until('restarted', () => worker.isReady() && worker.status().pid !== first);
  const logs = await place.cli('worker', 'logs', '-n', '500');
  assert.match(logs.stdout, /INFO|info/);
  assert.ok(!isAlive(first));

  const second = await place.cli('worker', 'serve');
  assert.equal(second.code, 1);
  assert.match(
    second.stderr,
    new RegExp(`Another worker process serves .*\\(process ${serve.pid}\\).*\\[STATE_LOCKED\\]`),
  );
  assert.ok(worker.isReady(), 'the refused one has touched nothing');

  serve.kill('SIGTERM');
  assert.deepEqual(await serve.exited, { code: 0, signal: null }, serve.stderr());
  assert.deepEqual(place.starts().filter(isAlive), []);
  assert.ok(!existsSync(place.socketPath));
});

test(
  'SIGKILL of it: the next one ends the engine that was left, then starts its own',
  { timeout: 60_000 },
  async () => {
    await using place = workerServePlace();
    const first = await place.start();
    await using worker = attach(place);
    await until('ready', () => worker.isReady());
    const [orphan = 0] = place.starts();
    first.kill('SIGKILL');
    await first.exited;
    await until('lost', () => worker.status().state === 'failed');
    assert.ok(isAlive(orphan), 'nobody was there to end it');
    await place.start();
    await until('ready again', () => worker.isReady());
    assert.equal(place.starts().length, 2);
    assert.equal(worker.status().pid, place.starts()[1]);
    assert.ok(!isAlive(orphan));
  },
);

test('an engine that ignores SIGTERM: a second signal ends both at once', { timeout: 60_000 }, async () => {
  await using place = workerServePlace({ ignoreSigterm: true });
  place.setConfig(['worker.stop_timeout_ms = 60000']);
  const serve = await place.start();
  await using worker = attach(place);
  await until('ready', () => worker.isReady());
  serve.kill('SIGTERM');
  await until('it drains', () => worker.status().state === 'draining');
  await sleep(2200);
  assert.ok(isAlive(serve.pid), 'it waits for the engine');
  serve.kill('SIGTERM');
  assert.deepEqual(await serve.exited, { code: 1, signal: null });
  await until('the engine is gone', () => place.starts().filter(isAlive).length === 0);
});

test('SIGHUP: changed options replace the engine, wrong ones change nothing', { timeout: 60_000 }, async () => {
  await using place = workerServePlace();
  const serve = await place.start();
  await using worker = attach(place);
  await until('ready', () => worker.isReady());
  const { pid } = worker.status();
  serve.kill('SIGHUP');
  await until('read again', () => serve.stderr().includes('"workerReplaced":false'));
  place.setConfig(['worker.stall_ms = "soon"']);
  serve.kill('SIGHUP');
  await until('refused', () => serve.stderr().includes('the old one stays'));
  assert.deepEqual([worker.isReady(), worker.status().pid], [true, pid]);
  place.setConfig(['worker.served_name = "other"']);
  serve.kill('SIGHUP');
  await until('replaced', () => worker.isReady() && worker.status().servedModel === 'other');
  assert.notEqual(worker.status().pid, pid);
  assert.deepEqual(place.starts().filter(isAlive), [worker.status().pid]);
});

test('a wrong configuration is exit 78, and names the key', { timeout: 60_000 }, async () => {
  await using place = workerServePlace();
  for (const [flag, says] of [
    ['--worker.profile=none', /worker\.profile = none .*for example vllm/],
    ['--worker.supervisor=daemon', /worker\.supervisor = daemon .*"process"/],
  ] as const) {
    const { code, stderr } = await place.cli('worker', flag);
    assert.equal(code, 78);
    assert.match(stderr, says);
  }
});

test(
  'as a unit: time is asked for while it loads, started is when it answers, then it beats',
  { timeout: 60_000 },
  async () => {
    await using place = workerServePlace({ loadMs: 3000 });
    using manager = openNotifySocket(join(place.path, 'notify'));
    const serve = await place.start({ NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: '400000' });
    const ready = await manager.waitFor((message) => message['READY'] === '1');
    assert.match(ready['STATUS'] ?? '', /^mem-agent: ready \(answers\)$/);
    const before = manager.messages.slice(0, manager.messages.indexOf(ready));
    assert.ok(before.some((message) => Number(message['EXTEND_TIMEOUT_USEC']) >= 1_000_000));
    assert.ok(
      before.some((message) => message['STATUS']?.startsWith('mem-agent: loading')),
      JSON.stringify(before),
    );
    await manager.waitFor((message) => message['WATCHDOG'] === '1', manager.messages.length);
    serve.kill('SIGTERM');
    await manager.waitFor((message) => message['STOPPING'] === '1');
    assert.equal((await serve.exited).code, 0);
  },
);

test('as a unit: a model that does not load is no endless start', { timeout: 60_000 }, async () => {
  await using place = workerServePlace({ crashAtStart: 3 });
  using manager = openNotifySocket(join(place.path, 'notify'));
  await place.start({ NOTIFY_SOCKET: manager.address });
  const ready = await manager.waitFor((message) => message['READY'] === '1');
  assert.match(ready['STATUS'] ?? '', /^mem-agent: (backoff|crash_loop|starting)/);
});
