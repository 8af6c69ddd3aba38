// `mem-agent worker` and `mem-agent models` as an operator types them, against the admin API with a worker in memory.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { Command } from 'commander';
import { Hono } from 'hono';
import { localPrincipal } from '../../../src/auth/principal.ts';
import { addAuditCommand } from '../../../src/cli/audit.ts';
import { parseCommandLine } from '../../../src/cli/command-line.ts';
import { addKeysCommand } from '../../../src/cli/keys.ts';
import { addModelsCommand } from '../../../src/cli/models.ts';
import type { RunCommand } from '../../../src/cli/run-command.ts';
import { createTerminal } from '../../../src/cli/terminal.ts';
import { addWorkerCommand } from '../../../src/cli/worker.ts';
import type { FlagValue } from '../../../src/config/flag-layer.ts';
import { loadConfig, type LoadedConfig } from '../../../src/config/load-config.ts';
import { createAdminApp } from '../../../src/http/admin/admin-app.ts';
import type { HttpEnv } from '../../../src/http/env.ts';
import { openListener, type Listener } from '../../../src/http/listeners.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { serveWorker } from '../../../src/worker/serve-worker.ts';
import type { WorkerStatus } from '../../../src/worker/worker.ts';
import { createFakeWorker, type FakeWorker } from '../../helpers/fake-worker.ts';
import {
  cleanEnvironment,
  MAIN,
  runMain,
  tempDirectory,
  type MainRun,
  type TempDirectory,
} from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';
import { createFakePorts, type FakePorts } from '../http-admin/fake-ports.ts';

let home: TempDirectory;
let owned: AsyncDisposableStack;
let fake: FakeWorker;

beforeEach(() => {
  home = tempDirectory();
  owned = new AsyncDisposableStack();
  fake = createFakeWorker();
});

afterEach(async () => {
  await owned.disposeAsync();
  home[Symbol.dispose]();
});

const directories = (): { 'state.dir': string; 'runtime.dir': string } => ({
  'state.dir': join(home.path, 'state'),
  'runtime.dir': join(home.path, 'run'),
});
const places = (): string[] => Object.entries(directories()).map(([key, directory]) => `--${key}=${directory}`);

/** The command in this process, with the context that the command line would give it. */
async function cli(...argv: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const line = parseCommandLine(argv);
  const result = { code: 0, stdout: '', stderr: '' };
  const terminal = createTerminal({
    json: line.rest.includes('--json'),
    debug: false,
    stdout: (text) => (result.stdout += text),
    stderr: (text) => (result.stderr += text),
  });
  const load = (extraFlags: Readonly<Record<string, FlagValue>> = {}): LoadedConfig =>
    loadConfig({
      flags: { ...directories(), ...line.configFlags, ...extraFlags },
      configFile: undefined,
      env: cleanEnvironment(home.path),
      cwd: home.path,
      home: home.path,
    });
  const program = new Command().exitOverride();
  const run: RunCommand = async (action) => {
    try {
      result.code = (await action({ terminal, load, daemonArguments: [] })) ?? 0;
    } catch (error) {
      result.code = terminal.fail(error);
    }
  };
  for (const add of [addWorkerCommand, addModelsCommand, addKeysCommand, addAuditCommand]) add(program, run);
  await program.parseAsync(
    line.rest.filter((word) => word !== '--json'),
    { from: 'user' },
  );
  return result;
}

async function startAdmin(worker: FakeWorker | null = fake): Promise<{ fakePorts: FakePorts; listener: Listener }> {
  const fakePorts = createFakePorts(worker === null ? {} : { worker });
  fakePorts.ports.stateDirectory = join(home.path, 'state');
  const app = new Hono<HttpEnv>();
  app.use(async (c, next) => {
    c.set('requestId', 'r');
    c.set('transport', 'socket');
    c.set('principal', localPrincipal);
    await next();
  });
  app.route('/admin/v1', createAdminApp(fakePorts.ports));
  mkdirSync(join(home.path, 'run'), { mode: 0o700 });
  const address = { kind: 'unix', path: join(home.path, 'run', 'admin.sock') } as const;
  const listener = owned.use(await openListener(app, { address, key: 'admin.socket' }));
  return { fakePorts, listener };
}

test('status: how it is, what it last failed of and what to do; exit 1 when it does not answer', async () => {
  await startAdmin();
  fake.set({
    gpus: [
      {
        index: 0,
        name: 'NVIDIA L4',
        memoryUsedBytes: 12 * 1024 ** 3,
        memoryTotalBytes: 24 * 1024 ** 3,
        utilisationRatio: 0.43,
        temperatureCelsius: 61,
      },
    ],
  });
  const well = await cli('worker', 'status');
  assert.equal(well.code, 0, well.stderr);
  assert.equal(
    well.stdout,
    [
      'worker (vllm): ready, process 4711',
      '  why       answers',
      '  since     2026-01-01T00:00:00.000Z',
      '  model     mem-agent at http://127.0.0.1:8000/v1',
      '  requests  0 running, last progress never',
      '  restarts  0',
      '  gpu 0     NVIDIA L4, 12.0 of 24.0 GiB, 43 %, 61 °C',
      '',
    ].join('\n'),
  );
  const json = await cli('worker', 'status', '--json');
  assert.deepEqual(JSON.parse(json.stdout), fake.status());

  fake.set({
    state: 'crash_loop',
    reason: '5 restarts in 30 minutes',
    pid: null,
    retryInMs: 41_200,
    gpus: [],
    lastFailure: {
      atIso: '2026-01-01T00:00:01.000Z',
      kind: 'crash',
      reason: 'exit code 1',
      logTail: ['old', '1', '2', '3', '4', '\u001B[31mCUDA out of memory\u001B[0m\u0007'],
      metrics: '',
    },
  });
  const ill = await cli('worker', 'status');
  assert.equal(ill.code, 1);
  assert.match(ill.stdout, /failed {4}2026-01-01T00:00:01.000Z \(crash\): exit code 1\n {12}1\n/);
  assert.match(ill.stdout, /CUDA out of memory\n/);
  assert.ok(!ill.stdout.includes('\u001B') && !ill.stdout.includes('\u0007'));
  assert.match(
    ill.stdout,
    /Next attempt in 42 s\. See why: mem-agent worker logs -n 200\. Once mended: mem-agent worker restart\n$/,
  );
});

test('start, stop, restart and probe do it and say how it is then; a refusal names the fix', async () => {
  await startAdmin();
  assert.equal((await cli('worker', 'stop')).stdout, 'worker: stopped (answers)\n');
  assert.equal((await cli('worker', 'start')).stdout, 'worker: starting (answers)\n');
  const restarted = await cli('worker', 'restart', '--json');
  assert.equal((JSON.parse(restarted.stdout) as WorkerStatus).state, 'starting');
  const probe = await cli('worker', 'probe');
  assert.equal(probe.stdout, 'The worker answers.\nSTEP    OK   MS  WHAT\nhealth  yes  1   HTTP 200\n');
  assert.deepEqual(fake.calls, ['stopNow', 'startNow', 'restartNow', 'probe']);
  fake.probe = async () => ({ ok: false, steps: [{ step: 'health', ok: false, durationMs: 2, detail: 'refused' }] });
  assert.equal((await cli('worker', 'probe')).code, 1);
  fake.failNext(new AppError('WORKER_FAILED', 'vllm: no such file', { hint: 'Set worker.command' }));
  const failed = await cli('worker', 'restart');
  assert.equal(failed.code, 1);
  assert.equal(failed.stderr, 'mem-agent: vllm: no such file. Set worker.command [WORKER_FAILED]\n');
});

test('no worker configured, no daemon, wrong usage: exit code and fix', async () => {
  const alone = await cli('worker', 'status');
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /No mem-agent daemon is running.*mem-agent serve.*\[UNSUPPORTED\]/);
  await startAdmin(null);
  const none = await cli('worker', 'restart', '--json');
  assert.equal(none.code, 1);
  assert.deepEqual(JSON.parse(none.stdout), {
    error: { code: 'NOT_FOUND', message: 'No worker is configured', hint: 'Set worker.profile, for example vllm' },
  });
  const wrong = await runMain(['worker', 'logs', '-n', 'all', ...places()], { home: home.path });
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /a number from 0 to 10000/);
});

test('logs: the newest lines; with -f each new one as it comes, until Ctrl-C or the daemon ends', async () => {
  const { fakePorts } = await startAdmin();
  for (const text of ['one', '\u001B[32mtwo\u001B[0m', 'three']) fake.say(text);
  const newest = await cli('worker', 'logs', '-n', '2');
  const time = '2026-01-01T00:00:00.000Z';
  assert.equal(newest.stdout, `${time} info  engine: two\n${time} info  engine: three\n`);
  const json = await cli('worker', 'logs', '-n', '1', '--json');
  assert.equal((JSON.parse(json.stdout) as { text: string }[])[0]?.text, 'three');

  const follow = async (...args: string[]): Promise<{ ended: Promise<MainRun>; kill(): void; stdout(): string }> => {
    const before = fake.followers;
    const child = spawn(process.execPath, [MAIN, 'worker', 'logs', '-f', ...args, ...places()], {
      cwd: home.path,
      env: cleanEnvironment(home.path),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const ended = new Promise<MainRun>((resolve) =>
      child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr })),
    );
    owned.defer(() => void child.kill('SIGKILL'));
    await until('it follows', () => fake.followers === before + 1);
    return { ended, kill: () => void child.kill('SIGINT'), stdout: () => stdout };
  };
  const first = await follow('-n', '1');
  const second = await follow('-n', '0', '--json');
  fake.say('four');
  await until('both have it', () => first.stdout().includes('four') && second.stdout().includes('four'));
  first.kill();
  const interrupted = await first.ended;
  assert.deepEqual([interrupted.code, interrupted.stderr], [0, '']);
  assert.equal(interrupted.stdout, `${time} info  engine: three\n${time} info  engine: four\n`);
  await until('it no longer follows', () => fake.followers === 1);
  fake.say('five');
  await until('it goes on', () => second.stdout().includes('five'));
  fakePorts.drained.abort();
  const drained = await second.ended;
  assert.deepEqual([drained.code, drained.stderr], [0, 'The daemon has ended.\n']);
  assert.deepEqual(
    drained.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { text: string }).text),
    ['four', 'five'],
  );
});

test('without a daemon a worker that is a process of its own is still seen and steered, and that is audited', async () => {
  const own = ['--worker.profile', 'vllm', '--worker.supervisor', 'process'];
  // The store is made by whoever first writes to it.
  await cli('keys', 'list');
  const nobody = await cli('worker', 'status', ...own);
  assert.equal(nobody.code, 1);
  assert.match(
    nobody.stdout,
    /^worker \(vllm\): failed\n {2}why {7}no worker process answers on .*start it with mem-agent worker serve\n/,
  );
  owned.use(await serveWorker({ socketPath: join(home.path, 'run', 'worker.sock'), open: () => fake }));
  assert.match((await cli('worker', 'status', ...own)).stdout, /^worker \(vllm\): ready, process 4711\n/);
  assert.equal((await cli('worker', 'restart', ...own)).code, 0);
  assert.deepEqual(fake.calls, ['start', 'restartNow']);
  const audit = await cli('audit', 'tail', '--json');
  assert.match(audit.stdout, /"worker\.restart"/);
});

test('models: the table of who may answer, and a test of each', async (t) => {
  const timeout = AbortSignal.timeout;
  t.mock.method(AbortSignal, 'timeout', () => timeout.call(AbortSignal, 100));
  await startAdmin();
  const list = await cli('models', 'list');
  assert.equal(list.code, 0, list.stderr);
  const lines = list.stdout.split('\n');
  assert.match(lines[0] ?? '', /^NAME +PRIORITY +WHERE +STATE +BREAKER +RUNNING +MODELS +WHY$/);
  assert.match(lines[1] ?? '', /^local +0 +local +ok +closed +0 +mem-agent +fine$/);
  assert.match(lines[3] ?? '', /^broken .*\(refused\) +fine$/);
  const tested = await cli('models', 'test');
  assert.equal(tested.code, 1);
  assert.match(tested.stdout, /^local +yes +12 +3 +9 +2 +- +mem-agent +yes$/m);
  assert.match(tested.stdout, /refused \[MODEL_UNAVAILABLE\]\nbroken: start it\n$/);
  const one = await cli('models', 'test', 'local', '--json');
  assert.equal(one.code, 0);
  assert.equal((JSON.parse(one.stdout) as { text: string }[])[0]?.text, 'yes');
  assert.match((await cli('models', 'test', 'nobody')).stderr, /There are: local, slow, broken/);
});
