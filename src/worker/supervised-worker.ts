// A supervised worker as the daemon sees it: its status in the contract's words, and wishes that succeed or say why not.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { startGpuWatch } from './gpu-probe.ts';
import type { GpuWatch } from './gpu-probe.ts';
import { readCompileHint } from './lease.ts';
import { servedNameOf } from './mlx-model.ts';
import { probeReadiness } from './readiness.ts';
import type { Supervisor } from './supervise.ts';
import { waitUntilReady } from './wait-until-ready.ts';
import type { WorkerLog } from './worker-log.ts';
import type { WorkerOptions } from './worker-options.ts';
import type { GpuFacts, Worker, WorkerLogLine, WorkerProbe, WorkerState, WorkerStatus } from './worker.ts';

export interface SupervisedWorkerParts {
  options: WorkerOptions;
  supervisor: Supervisor;
  log: WorkerLog;
  clock: Clock;
  gpuWatch: GpuBoard;
}

/** The GPUs as last read; nothing is asked before `start`. */
export interface GpuBoard extends Disposable {
  start(): void;
  latest(): readonly GpuFacts[];
}

const GPU_EVERY_MS = 15_000;
const SETTLE_LOOK_MS = 20;
/** A wish is answered by then, also when the engine's own preparations take longer. */
const SETTLE_MS = 15_000;
const DOWN: ReadonlySet<WorkerState> = new Set(['backoff', 'crash_loop', 'failed', 'stalled']);
/** For `Retry-After` while nobody knows how long a load takes. */
const UNKNOWN_LOAD_MS = 30_000;
const NO_REQUEST = { progress: (): void => undefined, end: (): void => undefined };

export class SupervisedWorker implements Worker {
  readonly name: string;
  readonly #parts: SupervisedWorkerParts;
  readonly #unfollow: () => void;

  constructor(parts: SupervisedWorkerParts) {
    const { options, log, supervisor } = parts;
    this.name = options.name;
    this.#parts = parts;
    this.#unfollow = log.follow((line) => {
      const hint = line.stream === 'supervisor' || supervisor.run === null ? null : readCompileHint(line.text);
      if (hint === 'begins') supervisor.leases.hold('compile');
      else if (hint === 'ends') supervisor.leases.release('compile');
    });
  }

  status(): WorkerStatus {
    const { options, supervisor, clock, gpuWatch } = this.#parts;
    const { run, prepared } = supervisor;
    const liveness = run?.liveness;
    const progressMs = liveness?.lastProgressMs ?? null;
    return {
      name: options.name,
      profile: options.profile,
      state: supervisor.state,
      reason: supervisor.reason,
      sinceIso: toIso(supervisor.sinceMs),
      pid: run?.pid ?? null,
      baseUrl: prepared?.endpoint.baseUrl ?? (options.profile === 'external' ? options.listen : null),
      servedModel: prepared?.plan.servedName ?? servedNameOf(options),
      lease: supervisor.leases.current(),
      isAsleep: supervisor.isAsleep,
      requestsRunning: liveness?.requestsRunning ?? 0,
      restarts: supervisor.restarts,
      retryInMs: supervisor.retryInMs,
      lastProgressIso: progressMs === null ? null : toIso(clock.nowMs() - (clock.monotonicMs() - progressMs)),
      lastCanaryIso: liveness?.lastCanaryMs ? toIso(liveness.lastCanaryMs) : null,
      lastFailure: supervisor.lastFailure,
      gpus: gpuWatch.latest(),
    };
  }

  start(): void {
    this.#parts.gpuWatch.start();
    this.#parts.supervisor.begin();
  }

  async startNow(): Promise<void> {
    const { supervisor } = this.#parts;
    this.#requireOwn();
    if (!supervisor.isAsleep && ['starting', 'loading', 'ready', 'busy'].includes(supervisor.state)) return;
    await this.#runNow();
  }

  async restartNow(): Promise<void> {
    this.#requireOwn();
    await this.#runNow();
  }

  async stopNow(): Promise<void> {
    const { supervisor } = this.#parts;
    this.#requireOwn();
    supervisor.want('stop');
    while (supervisor.state !== 'stopped' || supervisor.run !== null) await sleep(SETTLE_LOOK_MS);
    const left = supervisor.leftPids;
    if (left.length === 0) return;
    throw new AppError('WORKER_FAILED', `The worker does not end (pid ${left.join(', ')})`, {
      hint: 'It hangs in the kernel, most often in a GPU driver: restart the machine if it stays',
    });
  }

  async probe(): Promise<WorkerProbe> {
    const { supervisor, options } = this.#parts;
    const { prepared } = supervisor;
    if (prepared === null || supervisor.isAsleep) {
      const detail = prepared === null ? 'It was not started yet' : 'It is asleep; a question wakes it';
      return { ok: false, steps: [{ step: 'health', ok: false, durationMs: 0, detail }] };
    }
    return await probeReadiness(prepared.endpoint, {
      servedName: prepared.plan.servedName,
      apiKey: options.apiKey,
      timeoutMs: options.canaryTimeoutMs,
      signal: new AbortController().signal,
      healthPath: prepared.plan.healthPath,
    });
  }

  async logs(limit: number): Promise<readonly WorkerLogLine[]> {
    return this.#parts.log.tail(limit);
  }

  followLogs(onLine: (line: WorkerLogLine) => void): () => void {
    return this.#parts.log.follow(onLine);
  }

  engineMetrics(): string {
    return this.#parts.supervisor.run?.liveness.metrics ?? '';
  }

  isReady(): boolean {
    const { supervisor } = this.#parts;
    const isServing = supervisor.state === 'ready' || supervisor.state === 'busy';
    return isServing && supervisor.run?.isGone === false;
  }

  isAsleep(): boolean {
    return this.#parts.supervisor.isAsleep;
  }

  isComing(): boolean {
    const { state } = this.#parts.supervisor;
    return state === 'starting' || state === 'loading';
  }

  unavailable(): { reason: string; retryAfterS: number } {
    const { supervisor } = this.#parts;
    const { state, reason, retryInMs, run } = supervisor;
    const loadMs = supervisor.lastLoadMs ?? UNKNOWN_LOAD_MS;
    const waitMs = (retryInMs ?? 0) + Math.max(0, loadMs - (run?.elapsedMs ?? 0));
    const retryAfterS = Math.max(1, Math.ceil(waitMs / 1000));
    const who = this.name === 'worker' ? 'the worker' : `the worker ${this.name}`;
    return { reason: `${who} is in state ${state}: ${reason}`, retryAfterS };
  }

  async wake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void> {
    const { supervisor, clock } = this.#parts;
    await waitUntilReady({
      isReady: () => this.isReady(),
      wake: () => supervisor.wakeUp(),
      isComing: () => supervisor.isAsleep || supervisor.state === 'starting' || supervisor.state === 'loading',
      unavailable: () => this.unavailable(),
      clock,
      signal,
      onProgress,
    });
  }

  beginRequest(): ReturnType<Worker['beginRequest']> {
    const { supervisor } = this.#parts;
    const { run } = supervisor;
    if (run === null) return NO_REQUEST;
    const request = run.liveness.beginRequest();
    supervisor.setBusy(run);
    return {
      progress: request.progress,
      end(outcome) {
        request.end(outcome);
        supervisor.setBusy(run);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.supervisor.close();
    this.#parts.gpuWatch[Symbol.dispose]();
    this.#unfollow();
  }

  #requireOwn(): void {
    if (this.#parts.options.profile !== 'external') return;
    throw new AppError('WORKER_FAILED', `The worker ${this.name} is only watched`, {
      hint: 'Start and stop it where it runs, or choose another worker.profile',
    });
  }

  async #runNow(): Promise<void> {
    const { supervisor, gpuWatch } = this.#parts;
    gpuWatch.start();
    const before = supervisor.lives;
    supervisor.want('run');
    const deadline = performance.now() + SETTLE_MS;
    while ((supervisor.lives === before || supervisor.state === 'starting') && performance.now() < deadline)
      await sleep(SETTLE_LOOK_MS);
    if (!DOWN.has(supervisor.state) && supervisor.lives > before) return;
    const why = supervisor.lives > before ? supervisor.reason : 'the one before has not ended yet';
    throw new AppError('WORKER_FAILED', `The worker could not be started: ${why}`, {
      hint: 'Look at its log: mem-agent worker logs',
    });
  }
}

export function createGpuBoard(clock: Clock, command: string | undefined): GpuBoard {
  let watch: GpuWatch | null = null;
  return {
    start() {
      watch ??= startGpuWatch({ intervalMs: GPU_EVERY_MS, clock, ...(command === undefined ? {} : { command }) });
    },
    latest: () => watch?.latest() ?? [],
    [Symbol.dispose]: () => watch?.[Symbol.dispose](),
  };
}

function toIso(ms: number): string {
  return new Date(ms).toISOString();
}
