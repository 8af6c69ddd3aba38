// A real daemon that supervises a real child process: the stand-in for vLLM, with times short enough for a test.
// Guarantees: faults are read at each start of the worker, so that it can be made well or ill between two starts.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerStatus } from '../../src/worker/worker.ts';
import { createEngineControl } from './engine/engine-control.ts';
import type { EngineControl } from './engine/engine-control.ts';
import type { EngineFaults } from './engine/engine-faults.ts';
import { installFakeCommands } from './engine/fake-commands.ts';
import type { EngineScript } from './engine/script.ts';
import { tempDirectory } from './run-main.ts';
import { startDaemon } from './start-daemon.ts';
import type { DaemonProcess } from './start-daemon.ts';

export interface WorkerDaemonOptions {
  script?: EngineScript;
  faults?: EngineFaults;
  /** More lines of TOML, such as `worker.stall_ms = 500`; they come last and may repeat nothing below. */
  config?: readonly string[];
  flags?: readonly string[];
}

/** Says yes to every question but one with "for ever" in it, which never ends. */
export const YES_OR_FOR_EVER: EngineScript = {
  rules: [
    { pattern: 'for ever', replies: [{ text: '<think>x</think>', fault: 'hang' }] },
    { pattern: '.', replies: ['<think>x</think>\n<python></python>\n<reply>yes</reply>'] },
  ],
};

export interface WorkerPlace extends Disposable {
  readonly path: string;
  readonly stateDir: string;
  readonly memoryDir: string;
  /** Starts a daemon here; the second one finds the state of the first. */
  start(flags?: readonly string[]): Promise<WorkerDaemon>;
  /** For the next start of the worker. */
  setFaults(faults: EngineFaults): void;
  setConfig(lines: readonly string[]): void;
  readonly configFile: string;
  /** Pid and time of each start of a worker, oldest first. */
  starts(): { pid: number; atMs: number }[];
}

export interface WorkerDaemon extends DaemonProcess {
  worker(): Promise<WorkerStatus>;
  /** Polls until it is so; the last status is in the error. */
  workerUntil(what: (status: WorkerStatus) => boolean, timeoutMs?: number): Promise<WorkerStatus>;
  /** Steers the worker that runs now. */
  engine(): Promise<EngineControl>;
  admin(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
}

/** Answers every question with its own text, so that answers can't be mixed up. */
export const ECHO: EngineScript = {
  rules: [{ pattern: '^(.*)$', replies: ['<think>x</think>\n<python></python>\n<reply>you asked: $1</reply>'] }],
};

export function workerPlace(options: WorkerDaemonOptions = {}): WorkerPlace {
  const home = tempDirectory();
  const commands = join(home.path, 'bin');
  const stateDir = join(home.path, 'state');
  const memoryDir = join(home.path, 'memory');
  const configFile = join(home.path, 'worker.toml');
  const faultsFile = join(home.path, 'faults.json');
  const startsFile = join(home.path, 'starts.jsonl');
  for (const directory of [commands, memoryDir]) mkdirSync(directory);
  const setFaults = (faults: EngineFaults): void => writeFileSync(faultsFile, JSON.stringify(faults));
  setFaults(options.faults ?? {});
  const { vllm } = installFakeCommands(commands, { faults: faultsFile, startsFile, script: options.script ?? ECHO });
  const setConfig = (lines: readonly string[]): void =>
    writeFileSync(
      configFile,
      [
        'worker.profile = "vllm"',
        `worker.command = ${JSON.stringify(vllm)}`,
        'sandbox.standby = 0',
        ...withDefaults(lines, SHORT_TIMES),
      ].join('\n'),
    );
  setConfig(options.config ?? []);
  return {
    path: home.path,
    stateDir,
    memoryDir,
    configFile,
    setFaults,
    setConfig,
    starts: () => (existsSync(startsFile) ? parseLines(readFileSync(startsFile, 'utf8')) : []),
    async start(flags = []) {
      const daemon = await startDaemon({
        stateDir,
        memoryDir,
        flags: ['--config', configFile, '--runtime.dir', join(home.path, 'run'), ...(options.flags ?? []), ...flags],
      });
      return withWorker(daemon);
    },
    [Symbol.dispose]: () => home[Symbol.dispose](),
  };
}

const SHORT_TIMES: Readonly<Record<string, number>> = {
  'worker.stall_ms': 1000,
  'worker.canary_idle_ms': 60_000,
  'worker.backoff_first_ms': 50,
  'worker.backoff_max_ms': 2000,
  'worker.stop_timeout_ms': 1000,
  'worker.gpu_wait_ms': 0,
  'model.breaker_open_ms': 500,
};

function withDefaults(lines: readonly string[], defaults: Readonly<Record<string, number>>): string[] {
  const given = new Set(lines.map((line) => line.split(' = ')[0]));
  const rest = Object.entries(defaults).filter(([key]) => !given.has(key));
  return [...rest.map(([key, value]) => `${key} = ${value}`), ...lines];
}

function parseLines(text: string): { pid: number; atMs: number }[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { pid: number; atMs: number });
}

function withWorker(daemon: DaemonProcess): WorkerDaemon {
  const admin = async (method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> => {
    const response = await fetch(`${daemon.opsUrl}/admin/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${daemon.keys.admin}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: await response.json() };
  };
  const worker = async (): Promise<WorkerStatus> => (await admin('GET', '/worker')).body as WorkerStatus;
  const workerUntil: WorkerDaemon['workerUntil'] = async (what, timeoutMs = 15_000) => {
    const deadline = performance.now() + timeoutMs;
    let status = await worker();
    while (!what(status)) {
      if (performance.now() > deadline) throw new Error(`not in time: ${JSON.stringify(status)}`);
      await sleep(20);
      status = await worker();
    }
    return status;
  };
  return Object.assign(Object.create(daemon) as DaemonProcess, {
    admin,
    worker,
    workerUntil,
    async engine() {
      const { baseUrl } = await worker();
      if (baseUrl === null) throw new Error('the worker has no address');
      return createEngineControl(baseUrl);
    },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  });
}

/** True while the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  return processState(pid) !== null && processState(pid) !== 'Z';
}

/** `R`, `S`, `Z`, …; null when there is no such process. */
export function processState(pid: number): string | null {
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return null;
  try {
    return /\) (\S)/.exec(readFileSync(stat, 'utf8'))?.[1] ?? null;
  } catch (error) {
    // It went between the look and the read.
    if (error instanceof Error) return null;
    throw error;
  }
}

/** Zombies whose parent is `pid`. */
export function zombiesOf(pid: number, children: readonly number[]): number[] {
  return children.filter((child) => processState(child) === 'Z' && parentOf(child) === pid);
}

function parentOf(pid: number): number {
  return Number(/\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1]);
}
