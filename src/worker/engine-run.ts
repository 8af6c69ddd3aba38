// One life of an engine: its steps, its process, its load, its service, its sleep and its end. Knows nothing of restarts.
// Guarantees: a mark on disk before there is a process; each phase ends at once when the process does or the signal says so;
// after `end` nothing of it is left, or the pids are named.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Doorbell } from './doorbell.ts';
import { endFamily } from './end-family.ts';
import { EngineFailure, Interrupted } from './engine-failure.ts';
import type { IdentityFile } from './identity-file.ts';
import type { LaunchPlan, LaunchStep } from './launch-plan.ts';
import { runLastStep, runStep, showStep } from './launch-steps.ts';
import type { Leases } from './lease.ts';
import { Liveness } from './liveness.ts';
import type { LivenessContext } from './liveness.ts';
import { createLoadJudge } from './load-judge.ts';
import type { LoadJudge } from './load-judge.ts';
import type { FamilyMark, FindFamily } from './process-family.ts';
import { probeReadiness } from './readiness.ts';
import { requestEngine } from './worker-endpoint.ts';
import type { WorkerEndpoint } from './worker-endpoint.ts';
import type { WorkerLog } from './worker-log.ts';
import type { WorkerOptions } from './worker-options.ts';
import { startWorkerProcess } from './worker-process.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface EngineRunContext {
  options: WorkerOptions;
  plan: LaunchPlan;
  endpoint: WorkerEndpoint;
  /** A UUID of this life. */
  mark: string;
  gpuUsedBytes: number;
  clock: Clock;
  log: WorkerLog;
  leases: Leases;
  bell: Doorbell;
  identityFile: IdentityFile;
  findFamily: FindFamily;
  lookEveryMs: number;
  /** Interrupts whatever goes on. */
  signal: AbortSignal;
  onCanary: LivenessContext['onCanary'];
  /** What the load is waiting for. */
  onLoading(detail: string): void;
}

const FIRST_PROBE_MS = 50;
const LAST_PROBE_MS = 1000;
/** For a process that is dead to be reported as such. */
const REPORT_MS = 2000;
/** The last lines of a dead process may still be in its pipe. */
const LAST_OUTPUT_MS = 200;

export class EngineRun {
  readonly liveness: Liveness;
  readonly #context: EngineRunContext;
  #load: LoadJudge;
  readonly #gone = new AbortController();
  readonly #signal: AbortSignal;
  #process: WorkerProcess | null = null;

  constructor(context: EngineRunContext) {
    const { bell, signal } = context;
    this.#context = context;
    this.#signal = AbortSignal.any([signal, this.#gone.signal]);
    this.#load = createLoadJudge(context);
    this.liveness = new Liveness({ ...context, ring: () => bell.ring() });
  }

  get pid(): number | null {
    return this.#process?.exit === null ? this.#process.pid : null;
  }

  /** Its process has ended, which the loop may not have seen yet. */
  get isGone(): boolean {
    return this.#gone.signal.aborted;
  }

  get elapsedMs(): number {
    return this.#load.elapsedMs;
  }

  /** Throws EngineFailure, Interrupted, or WORKER_FAILED when its identity can't be kept. */
  async start(): Promise<void> {
    const { plan, options, bell, identityFile, log } = this.#context;
    if (options.profile === 'external') return;
    this.#keepIdentity();
    for (const step of plan.before) await this.#runStep(step);
    if (plan.command === null) return;
    this.#check();
    const child = await this.#spawn(plan.command);
    this.#process = child;
    void child.outputEnded.then(() => log.end());
    void child.exited.then(() => {
      this.#gone.abort();
      bell.ring();
    });
    try {
      this.#keepIdentity();
    } catch (error) {
      await this.end('kill');
      identityFile.remove();
      throw error;
    }
  }

  /** Until it answers. Throws EngineFailure or Interrupted. */
  async load(): Promise<void> {
    const { options, plan, endpoint, leases, bell, onLoading } = this.#context;
    const release = leases.hold('load');
    try {
      for (let pauseMs = FIRST_PROBE_MS; ; pauseMs = Math.min(pauseMs * 1.5, LAST_PROBE_MS)) {
        const probe = await this.#unlessOver(
          probeReadiness(endpoint, {
            servedName: plan.servedName,
            apiKey: options.apiKey,
            timeoutMs: options.canaryTimeoutMs,
            signal: this.#signal,
            healthPath: plan.healthPath,
          }),
        );
        if (probe.ok) return this.liveness.beginService();
        const detail = probe.steps.at(-1)?.detail ?? '';
        onLoading(detail);
        this.#load.judge(detail, this.#family(), this.#process?.outputBytes ?? 0);
        await bell.wait(pauseMs, this.#signal);
        this.#check();
      }
    } finally {
      release();
      leases.release('compile');
    }
  }

  /** Resolves when it has had nothing to do for long. Throws EngineFailure or Interrupted. */
  async serve(): Promise<void> {
    const { bell, lookEveryMs, leases, options } = this.#context;
    for (;;) {
      this.#check();
      // Nobody said that it ended: a lease without end would hide every hang.
      if (leases.heldForMs('compile') > options.loadStallMs) leases.release('compile');
      const verdict = this.liveness.look();
      if (verdict?.kind === 'idle') return;
      if (verdict !== null) throw new EngineFailure(verdict.kind, verdict.reason);
      await bell.wait(lookEveryMs, this.#signal);
    }
  }

  /** False when this engine can't, and has to be stopped instead. */
  async fallAsleep(): Promise<boolean> {
    const { plan, log, leases } = this.#context;
    if (plan.sleep === null) return false;
    leases.hold('sleep');
    const problem = await this.#post(plan.sleep.sleepPath);
    if (problem === null) return true;
    leases.release('sleep');
    log.note('warn', `It can't be put to sleep, so it is stopped: ${problem}`);
    return false;
  }

  async sleepUntil(isWoken: () => boolean): Promise<void> {
    const { bell, lookEveryMs } = this.#context;
    while (!isWoken()) {
      await bell.wait(lookEveryMs, this.#signal);
      this.#check();
    }
  }

  /** Throws EngineFailure or Interrupted. */
  async wakeUp(): Promise<void> {
    const { plan, leases } = this.#context;
    this.#load = createLoadJudge(this.#context);
    try {
      const problem = plan.sleep === null ? null : await this.#post(plan.sleep.wakePath);
      if (problem !== null) throw new EngineFailure('load', `it does not wake up: ${problem}`);
      await this.load();
    } finally {
      leases.release('sleep');
    }
  }

  /** Until none of our requests runs, at most this long. */
  async drain(atMostMs: number): Promise<void> {
    const { bell, lookEveryMs } = this.#context;
    const never = new AbortController().signal;
    const deadline = performance.now() + atMostMs;
    while (this.liveness.requestsRunning > 0 && !this.#process?.exit && performance.now() < deadline)
      await bell.wait(lookEveryMs, never);
  }

  /** Whether it ended by itself or is told to, nothing is left; resolves with the pids that could not be ended. */
  async end(how: 'stop' | 'terminate' | 'kill'): Promise<number[]> {
    const { options, plan, findFamily, identityFile, log } = this.#context;
    this.liveness[Symbol.dispose]();
    if (options.profile === 'external') return [];
    // First, because what they talk to may be a member.
    for (const step of plan.after) {
      const problem = await runLastStep(step, { spawn: () => this.#spawn(step), findFamily });
      if (problem !== null) log.note('warn', problem);
    }
    const left = await endFamily({
      family: this.#family(),
      findFamily,
      graceMs: how === 'kill' ? 0 : options.stopTimeoutMs,
      leaderFirst: how === 'stop' && plan.drains,
    });
    // Dead is not yet waited for: only then is it no zombie either.
    if (this.#process !== null && left.length === 0)
      await Promise.race([this.#process.exited, sleep(REPORT_MS, undefined, { ref: false })]);
    if (left.length === 0) identityFile.remove();
    return left.map((row) => row.pid);
  }

  /** For the record of a failure: everything it printed is in the log then. */
  async lastOutput(): Promise<void> {
    if (this.#process === null || this.#process.exit === null) return;
    await Promise.race([this.#process.outputEnded, sleep(LAST_OUTPUT_MS, undefined, { ref: false })]);
  }

  #family(): FamilyMark {
    return this.#process?.family ?? { mark: this.#context.mark, leader: null };
  }

  #keepIdentity(): void {
    const { identityFile, mark, options, endpoint, clock, gpuUsedBytes } = this.#context;
    const leader = this.#process?.family.leader ?? null;
    identityFile.write({
      mark,
      pid: leader?.pid ?? null,
      startToken: leader?.startToken ?? '',
      gpuUsedBytes,
      profile: options.profile,
      baseUrl: endpoint.baseUrl,
      startedIso: new Date(clock.nowMs()).toISOString(),
    });
  }

  async #spawn({ executable, args }: Pick<LaunchStep, 'executable' | 'args'>): Promise<WorkerProcess> {
    const { plan, options, mark, log } = this.#context;
    try {
      return await startWorkerProcess({
        executable,
        args,
        env: plan.env,
        workingDirectory: options.workingDirectory,
        mark,
        onOutput: (stream, chunk) => log.write(stream, chunk),
        note: (text) => log.note('warn', text),
      });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      throw new EngineFailure('spawn', error.userMessage, { cause: error });
    }
  }

  async #runStep(step: LaunchStep): Promise<void> {
    const { bell, log, leases, onLoading, findFamily } = this.#context;
    const shown = showStep(step);
    log.note('info', `Running ${shown}`);
    onLoading(`running ${shown}`);
    this.#check();
    const release = leases.hold('load');
    const spawn = async (): Promise<WorkerProcess> => {
      const child = await this.#spawn(step);
      void child.exited.then(() => bell.ring());
      return child;
    };
    try {
      await runStep(
        step,
        { spawn, findFamily },
        {
          wait: () => bell.wait(LAST_PROBE_MS, this.#signal),
          check: (name, child) => {
            this.#check();
            this.#load.judge(`${name} is running`, child.family, child.outputBytes);
          },
        },
      );
    } finally {
      release();
    }
  }

  /** Null, or what went wrong. Weights are copied to memory and back: that takes no longer than a load may be silent. */
  async #post(path: string): Promise<string | null> {
    const { endpoint, options } = this.#context;
    const { apiKey, loadStallMs: timeoutMs } = options;
    try {
      const request = requestEngine(endpoint, { method: 'POST', path, apiKey, timeoutMs, signal: this.#signal });
      const { status } = await this.#unlessOver(request);
      return status === 200 ? null : `${path} answered ${status}`;
    } catch (error) {
      if (error instanceof AppError) return error.message;
      throw error;
    }
  }

  /** What was cancelled by the end of the process or by the signal says which of them it was. */
  async #unlessOver<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      this.#check();
      throw error;
    }
  }

  #check(): void {
    if (this.#context.signal.aborted) throw new Interrupted();
    if (this.#process?.exit) throw new EngineFailure('crash', `it ended by itself (${this.#process.exit.how})`);
  }
}
