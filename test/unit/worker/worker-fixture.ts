// A supervised worker over the test engine as a real child process: short times, a directory of its own, what it told kept.
// Guarantee: nothing of it lives after the test, whatever the test left, and `strays` says what did before that.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, type Clock } from '../../../src/lib/clock.ts';
import { openWorker, type WorkerPorts } from '../../../src/worker/open-worker.ts';
import { hasVariable, readProcessTable, type ProcessRow } from '../../../src/worker/process-table.ts';
import type { WorkerEvent } from '../../../src/worker/worker-event.ts';
import { defaultWorkerOptions, type WorkerOptions } from '../../../src/worker/worker-options.ts';
import type { Worker, WorkerState } from '../../../src/worker/worker.ts';
import type { EngineFaults } from '../../helpers/engine/engine-faults.ts';
import { installFakeCommands, type FakeEnvironment } from '../../helpers/engine/fake-commands.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';

export interface TestWorker extends AsyncDisposable {
  readonly worker: Worker;
  readonly events: WorkerEvent[];
  readonly directory: string;
  readonly options: WorkerOptions;
  state(): WorkerState;
  untilState(...states: WorkerState[]): Promise<void>;
  /** The states it went through, in order. */
  states(): WorkerState[];
  /** Living or dead and not waited for, all that carry this fixture's mark. */
  strays(): ProcessRow[];
}

export interface TestWorkerOptions {
  faults?: EngineFaults;
  fakes?: FakeEnvironment;
  options?: Partial<WorkerOptions>;
  ports?: Partial<WorkerPorts>;
  /** Of another fixture, whose worker this one takes over. */
  directory?: string;
  /** There is an `nvidia-smi`, with the figures of `fakes.gpuFile`. */
  gpu?: boolean;
}

const FIXTURE_VARIABLE = 'MEMA_WORKER_TEST';

const COMMAND_OF: Readonly<Record<string, string>> = {
  vllm: 'vllm',
  mlx: 'mlx_lm.server',
  llamacpp: 'llama-server',
  lmstudio: 'lms',
};

/** Fast enough for a test, slow enough for a busy machine. */
export const quickOptions = {
  loadStallMs: 20_000,
  loadTimeoutMs: 60_000,
  stallMs: 60_000,
  canaryTimeoutMs: 5000,
  stopTimeoutMs: 3000,
  gpuWaitMs: 2000,
  backoffFirstMs: 20,
  backoffMaxMs: 200,
  restartBudget: -1,
} as const satisfies Partial<WorkerOptions>;

export function openTestWorker(test: TestWorkerOptions = {}): TestWorker {
  const home = tempDirectory();
  const directory = test.directory ?? home.path;
  const runtimeDirectory = join(directory, 'run');
  mkdirSync(join(home.path, 'bin'));
  const commands = installFakeCommands(join(home.path, 'bin'), {
    maxLifeMs: 120_000,
    lmsHome: join(directory, 'lms'),
    ...(test.faults === undefined ? {} : { faults: test.faults }),
    ...test.fakes,
  });
  const profile = test.options?.profile ?? 'vllm';
  const options: WorkerOptions = {
    ...defaultWorkerOptions,
    ...quickOptions,
    profile,
    model: 'driaforall/mem-agent',
    command: commands[COMMAND_OF[profile] ?? ''] ?? '',
    runtimeDirectory,
    ...test.options,
    env: { [FIXTURE_VARIABLE]: directory, ...test.options?.env },
  };
  const events: WorkerEvent[] = [];
  const worker = openWorker(options, {
    clock: systemClock,
    lookEveryMs: 20,
    gpuCommand: test.gpu === true ? (commands['nvidia-smi'] ?? '') : '/nowhere/nvidia-smi',
    onEvent: (event) => void events.push(event),
    ...test.ports,
  });
  const strays = (): ProcessRow[] =>
    readProcessTable().filter((row) => hasVariable(row.pid, FIXTURE_VARIABLE, directory) && !row.isZombie);
  return {
    worker,
    events,
    directory,
    options,
    strays,
    state: () => worker.status().state,
    untilState: (...states) =>
      until(`${states.join(' or ')}, it is ${worker.status().state}`, () => states.includes(worker.status().state)),
    states: () => events.flatMap((event) => (event.kind === 'state' ? [event.to] : [])),
    async [Symbol.asyncDispose]() {
      await worker[Symbol.asyncDispose]();
      for (const { pid } of strays()) process.kill(pid, 'SIGKILL');
      home[Symbol.dispose]();
    },
  };
}

/** So many times faster than the real one. */
export function scaledClock(factor: number): Clock {
  const startedMs = Date.now();
  const origin = performance.now();
  const elapsedMs = (): number => (performance.now() - origin) * factor;
  return { nowMs: () => startedMs + elapsedMs(), monotonicMs: elapsedMs };
}
