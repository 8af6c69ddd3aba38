// A worker in a process of its own, over a real socket: either side killed, attached again, and nothing left open.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { connectWorker, type WorkerLinkEvent } from '../../../src/worker/connect-worker.ts';
import { serveWorker, type WorkerServer, type WorkerServerEvent } from '../../../src/worker/serve-worker.ts';
import type { WorkerEvent } from '../../../src/worker/worker-event.ts';
import type { Worker } from '../../../src/worker/worker.ts';
import { createFakeWorker, type FakeWorker } from '../../helpers/fake-worker.ts';
import { tempDirectory, type TempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';

const PEER = join(import.meta.dirname, 'worker-peer.ts');

let directory: TempDirectory;
let socketPath: string;
let children: ChildProcess[] = [];
let owned: AsyncDisposableStack;
let linkEvents: WorkerLinkEvent[] = [];
let serverEvents: WorkerServerEvent[] = [];
let events: WorkerEvent[] = [];

beforeEach(() => {
  directory = tempDirectory();
  socketPath = join(directory.path, 'run', 'worker.sock');
  owned = new AsyncDisposableStack();
  linkEvents = [];
  serverEvents = [];
  events = [];
});

afterEach(async () => {
  await owned.disposeAsync();
  for (const child of children) await kill(child);
  children = [];
  directory[Symbol.dispose]();
});

async function serve(
  fake: FakeWorker = createFakeWorker(),
): Promise<WorkerServer & { fake: FakeWorker; tell: (event: WorkerEvent) => void }> {
  let tell: (event: WorkerEvent) => void = () => undefined;
  const server = await serveWorker({
    socketPath,
    open(tellAll) {
      tell = tellAll;
      return fake;
    },
    onEvent: (event) => serverEvents.push(event),
  });
  owned.use(server);
  return Object.assign(server, { fake, tell });
}

function attach(): Worker {
  const worker = owned.use(
    connectWorker({
      name: 'worker',
      socketPath,
      clock: systemClock,
      onEvent: (event) => events.push(event),
      onLink: (event) => linkEvents.push(event),
    }),
  );
  worker.start();
  return worker;
}

async function attached(): Promise<Worker> {
  const worker = attach();
  await until('attached', () => worker.isReady());
  return worker;
}

/** Resolves with the first thing the other process says. */
async function startPeer(...args: string[]): Promise<{ child: ChildProcess; said: string }> {
  const child = spawn(process.execPath, [PEER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, said: chunk.toString().trim() };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'no error';
  } catch (error) {
    return error instanceof AppError ? `${error.code}: ${error.userMessage}` : String(error);
  }
};

test('both sides look the same: status, wishes, probe, logs, metrics', async () => {
  const { fake } = await serve();
  fake.say('before');
  fake.set({ lastFailure: { atIso: 'x', kind: 'crash', reason: 'exit 1', logTail: ['a'], metrics: 'm 1\n' } });
  const worker = await attached();
  assert.deepEqual(worker.status(), fake.status());
  assert.equal(worker.engineMetrics(), fake.engineMetrics());
  await worker.restartNow();
  assert.equal(worker.status().state, 'starting', 'the new state is known when the wish is done');
  assert.equal(worker.isReady(), false);
  assert.deepEqual(worker.unavailable(), { reason: 'answers', retryAfterS: 7 });
  await worker.stopNow();
  await worker.startNow();
  assert.deepEqual(await worker.probe(), await fake.probe());
  assert.deepEqual(fake.calls, ['start', 'restartNow', 'stopNow', 'startNow', 'probe', 'probe']);
  fake.failNext(new AppError('WORKER_FAILED', 'no GPU', { hint: 'Add one', retryAfterS: 3 }));
  assert.equal(await codeOf(worker.startNow()), 'WORKER_FAILED: no GPU. Add one');

  const seen: string[] = [];
  const stop = worker.followLogs((line) => seen.push(line.text));
  await until('followed', () => fake.followers === 1);
  fake.say('after');
  await until('the line came', () => seen.length === 1);
  assert.deepEqual(seen, ['after']);
  assert.deepEqual(
    (await worker.logs(10)).map((line) => line.text),
    ['before', 'after'],
  );
  stop();
  await until('nobody follows', () => fake.followers === 0);
});

test('a change of state is known without asking, within a fraction of a second', async () => {
  const { fake } = await serve();
  const worker = await attached();
  const startedMs = performance.now();
  fake.set({ state: 'stalled', reason: 'no progress' });
  await until('known', () => !worker.isReady());
  fake.set({ state: 'ready', isAsleep: true });
  await until('known again', () => worker.isAsleep());
  assert.ok(performance.now() - startedMs < 2000);
});

test('what the supervisor tells reaches every daemon as it was told, a failure without its metrics', async () => {
  const { tell } = await serve();
  await Promise.all([attached(), attached()]);
  const failure = { atIso: 'x', kind: 'crash', reason: 'exit 1', logTail: ['a'], metrics: 'm 1\n', gpus: [] } as const;
  const told: WorkerEvent[] = [
    { worker: 'worker', kind: 'state', from: 'ready', to: 'backoff', reason: 'exit 1' },
    { worker: 'worker', kind: 'crashed', failure },
    { worker: 'worker', kind: 'stalled', failure },
    { worker: 'worker', kind: 'restart', delayMs: 1, restarts: 2, reason: 'exit 1' },
    { worker: 'worker', kind: 'crash_loop', trialMs: 3, reason: 'too often' },
    { worker: 'worker', kind: 'recovered', downMs: 4 },
    { worker: 'worker', kind: 'started', durationMs: 5 },
    { worker: 'worker', kind: 'canary', ok: true, durationMs: 6, detail: 'one token' },
    { worker: 'worker', kind: 'swept', processes: 7 },
  ];
  for (const event of told) tell(event);
  await until('all came', () => events.length === 2 * told.length);
  const one = told.map((event) => ('failure' in event ? { ...event, failure: { ...failure, metrics: '' } } : event));
  assert.deepEqual(
    events.toSorted((a, b) => a.kind.localeCompare(b.kind)),
    [...one, ...one].toSorted((a, b) => a.kind.localeCompare(b.kind)),
  );
});

test('requests: begun, progress in batches, ended; those of a daemon that is killed count as cancelled', async () => {
  const { fake } = await serve();
  const worker = await attached();
  const request = worker.beginRequest();
  for (let piece = 0; piece < 1000; piece++) request.progress();
  await until('progress', () => fake.calls.includes('progress'));
  request.end('failed');
  await until('ended', () => fake.calls.includes('end failed'));
  assert.deepEqual(fake.calls, ['start', 'begin', 'progress', 'end failed']);

  const { child } = await startPeer('use', socketPath, '3');
  await until('three run', () => fake.status().requestsRunning === 3);
  await kill(child);
  await until('none runs', () => fake.status().requestsRunning === 0);
  assert.equal(fake.calls.filter((call) => call === 'end cancelled').length, 3);
  assert.deepEqual(serverEvents.at(-1), { type: 'daemon.gone', daemons: 1, reason: 'it has gone', requestsEnded: 3 });
});

test('wake: progress reaches whoever waits; cancelling and a killed daemon reach the worker', async () => {
  const { fake } = await serve();
  fake.set({ isAsleep: true, state: 'stopped' });
  const worker = attach();
  await until('asleep', () => worker.isAsleep());
  const heard: string[] = [];
  const waking = worker.wake(new AbortController().signal, (message) => heard.push(message));
  await until('heard', () => heard.length === 1);
  fake.set({ state: 'ready' });
  fake.finishWake();
  await waking;
  assert.deepEqual([heard, worker.isAsleep(), worker.isReady()], [['loading the model'], false, true]);

  const cancel = new AbortController();
  const cancelled = codeOf(worker.wake(cancel.signal, () => undefined));
  await until('waits', () => fake.calls.filter((call) => call === 'wake').length === 2);
  cancel.abort();
  assert.match(await cancelled, /^CANCELLED/);
  assert.match(await codeOf(worker.wake(AbortSignal.abort(), () => undefined)), /^CANCELLED/);
  const lost = codeOf(worker.wake(new AbortController().signal, () => undefined));
  await worker[Symbol.asyncDispose]();
  assert.match(await lost, /^MODEL_UNAVAILABLE/);
  await until('given up', () => fake.calls.filter((call) => call === 'wake cancelled').length === 3);
  assert.ok(
    !fake.calls.includes('dispose') && !fake.calls.includes('stopNow'),
    'ending this side never ends the worker',
  );
});

test('SIGKILL of the worker process: failed with what to do, calls fail, and the next process is attached', async () => {
  const first = await startPeer('serve', socketPath);
  assert.equal(first.said, 'serving');
  const worker = await attached();
  const request = worker.beginRequest();
  const lines: string[] = [];
  worker.followLogs((line) => lines.push(line.text));
  const waking = codeOf(worker.wake(new AbortController().signal, () => undefined));
  await kill(first.child);
  const nobody = `no worker process answers on ${socketPath}; start it with mem-agent worker serve`;
  await until('lost', () => worker.status().state === 'failed');
  assert.deepEqual([worker.status().reason, worker.status().pid], [nobody, null]);
  assert.match(await waking, /^MODEL_UNAVAILABLE: no worker process answers/);
  assert.match(await codeOf(worker.restartNow()), /^WORKER_FAILED: no worker process answers/);
  assert.match(await codeOf(worker.logs(5)), /^WORKER_FAILED/);
  assert.deepEqual(worker.unavailable(), { reason: nobody, retryAfterS: 5 });
  assert.ok(existsSync(socketPath), 'the dead process left its socket behind');

  const second = await startPeer('serve', socketPath);
  assert.equal(second.said, 'serving');
  await until('attached again', () => worker.isReady());
  assert.equal(worker.status().pid, second.child.pid);
  await until('the open request is known there', () => worker.status().requestsRunning === 1);
  request.end('ok');
  await until('and ended', () => worker.status().requestsRunning === 0);
  assert.deepEqual(
    linkEvents.map((event) => event.type),
    ['worker.attached', 'worker.lost', 'worker.attached'],
  );
});

test('SIGKILL of the daemon: the next one attaches to the same worker, which was started once', async () => {
  const { fake } = await serve();
  for (let run = 0; run < 3; run++) {
    const { child, said } = await startPeer('use', socketPath, '1');
    assert.equal(said, 'began');
    await kill(child);
  }
  await until('nothing runs', () => fake.status().requestsRunning === 0);
  assert.deepEqual(
    fake.calls.filter((call) => !['begin', 'progress', 'end cancelled'].includes(call)),
    ['start'],
  );
  assert.equal((await attached()).status().pid, fake.status().pid);
});

test('the socket: private, one server, a stale file replaced, anything else left alone', async () => {
  const first = await startPeer('serve', socketPath);
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  assert.equal(statSync(join(directory.path, 'run')).mode & 0o777, 0o700);
  const opened: string[] = [];
  const open = (): FakeWorker => {
    opened.push('opened');
    return createFakeWorker();
  };
  const second = await codeOf(serveWorker({ socketPath, open }));
  assert.match(second, /^STATE_LOCKED: Another worker process serves .*worker\.sock \(process \d+\)/);
  assert.ok(second.includes(`(process ${first.child.pid})`));
  assert.deepEqual(opened, [], 'no worker is made for a server that may not be');
  await kill(first.child);
  const server = await serveWorker({ socketPath, open });
  await server[Symbol.asyncDispose]();
  assert.ok(!existsSync(socketPath), 'an orderly end leaves no socket');

  const other = createServer().listen(socketPath);
  await once(other, 'listening');
  assert.match(await codeOf(serveWorker({ socketPath, open })), /another process is listening/);
  other.close();
  await once(other, 'close');
  writeFileSync(socketPath, 'precious');
  assert.match(await codeOf(serveWorker({ socketPath, open })), /is not a socket/);
  mkdirSync(join(directory.path, 'closed'), { mode: 0o700 });
  chmodSync(join(directory.path, 'closed'), 0o500);
  if (process.getuid?.() !== 0)
    assert.match(
      await codeOf(serveWorker({ socketPath: join(directory.path, 'closed', 'sub', 'w.sock'), open })),
      /^CONFIG_INVALID: worker\.socket/,
    );
  assert.deepEqual(opened, ['opened']);
});

test('a directory that lets in its group alone lets the group connect, any other only the owner', async () => {
  for (const [directoryMode, socketMode] of [
    [0o700, 0o600],
    [0o750, 0o660],
    [0o755, 0o600],
    [0o1777, 0o600],
  ] as const) {
    const path = join(directory.path, directoryMode.toString(8));
    mkdirSync(path);
    chmodSync(path, directoryMode);
    await using _server = await serveWorker({ socketPath: join(path, 's'), open: () => createFakeWorker() });
    assert.equal(statSync(join(path, 's')).mode & 0o777, socketMode, directoryMode.toString(8));
  }
});

test('two processes that start at once over a stale socket: one serves', async () => {
  const dead = await startPeer('serve', socketPath);
  await kill(dead.child);
  const said = (await Promise.all([1, 2, 3].map(() => startPeer('serve', socketPath)))).map((peer) => peer.said);
  assert.equal(said.filter((text) => text === 'serving').length, 1, said.join(' | '));
});

/** A connection of somebody who does not know the protocol; resolves with all that was answered. */
async function talk(...pieces: string[]): Promise<string> {
  const socket = connect(socketPath);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', () => undefined);
  for (const piece of pieces) socket.write(piece);
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

test('another version, no hello, no JSON, unknown messages and endless lines are refused; others go on', async () => {
  const { fake } = await serve();
  const worker = await attached();
  const hello = '{"type":"hello","version":1}\n';
  assert.match(await talk('{"type":"hello","version":2}\n'), /"refused".*version 1 .*version 2.*restart/);
  assert.equal(await talk('{"type":"call","id":1,"method":"stopNow"}\n'), '');
  assert.equal(await talk('GET / HTTP/1.1\r\n\r\n'), '');
  for (const wrong of [
    '{"type":"call","id":1,"method":"toString"}\n',
    '{"type":"call","id":-1,"method":"stopNow"}\n',
    '{"type":"logs","id":1,"limit":"all"}\n',
    '{"type":"end","id":1,"outcome":"fine"}\n',
    '{"type":"begin","id":1}\n{"type":"begin","id":1}\n',
    'null\n',
    `{"type":"beat","x":"${'x'.repeat(9 * 1024 * 1024)}`,
  ])
    assert.match(await talk(hello, wrong), /"hello"/, wrong.slice(0, 60));
  await until('their requests ended', () => fake.status().requestsRunning === 0);
  assert.deepEqual(fake.calls.toSorted(), ['begin', 'end cancelled', 'start']);
  assert.equal(worker.isReady(), true);
});

test('a process of another version, or one that is none of ours, is named as such and asked seldom', async () => {
  mkdirSync(join(directory.path, 'run'));
  let connections = 0;
  let answer = '{"type":"hello","version":7}\n';
  const server = createServer((socket: Socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.write(answer);
  }).listen(socketPath);
  owned.defer(() => void server.close());
  await once(server, 'listening');
  const worker = attach();
  await until('refused', () => worker.status().state === 'failed');
  assert.match(worker.status().reason, /version 1 .*version 7.*restart/);
  answer = 'SSH-2.0-OpenSSH\n';
  await until('named', () => /no JSON/.test(worker.status().reason));
  await sleep(1000);
  assert.ok(connections <= 10, `${connections} connections`);
  assert.equal(worker.isReady(), false);
});

test('a flood of log lines does not hold up a daemon that reads, nor fill the memory for one that does not', async () => {
  const { fake } = await serve();
  const worker = await attached();
  let count = 0;
  worker.followLogs(() => void (count += 1));
  const socket = connect(socketPath);
  owned.defer(() => void socket.destroy());
  socket.write('{"type":"hello","version":1}\n{"type":"follow","on":true}\n');
  await until('both follow', () => fake.followers === 2);
  const text = 'x'.repeat(1000);
  const before = process.memoryUsage().rss;
  for (let burst = 0; burst < 200; burst++) {
    for (let line = 0; line < 200; line++) fake.say(text);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await worker.probe();
  assert.ok(count > 20_000, `${count} lines`);
  assert.ok(process.memoryUsage().rss - before < 300e6);
});
