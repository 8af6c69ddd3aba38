// The loop that keeps one worker alive: starts it, watches it, ends it when it hangs, starts it again later and later, puts
// it to sleep and wakes it. Guarantees: one loop, so never two engines at once; a failure never leaves it, it becomes a state.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { describeFailure } from './describe-failure.ts';
import { createDoorbell } from './doorbell.ts';
import { EngineFailure, Interrupted } from './engine-failure.ts';
import { EngineRun } from './engine-run.ts';
import type { IdentityFile } from './identity-file.ts';
import { createLeases } from './lease.ts';
import { prepareRun } from './prepare-run.ts';
import type { PreparedRun } from './prepare-run.ts';
import type { FindFamily } from './process-family.ts';
import { createRestartPolicy } from './restart-policy.ts';
import { createStateMachine } from './state-machine.ts';
import type { WorkerNews } from './worker-event.ts';
import type { WorkerLog } from './worker-log.ts';
import type { WorkerOptions } from './worker-options.ts';
import type { GpuFacts, WorkerFailure, WorkerState } from './worker.ts';

export interface SupervisorParts {
  options: WorkerOptions;
  clock: Clock;
  random: () => number;
  log: WorkerLog;
  identityFile: IdentityFile;
  findFamily: FindFamily;
  gpuCommand: string | undefined;
  gpus(): readonly GpuFacts[];
  /** Of the real time: how often whatever waits looks at the clock. */
  lookEveryMs: number;
  tell(news: WorkerNews): void;
}

/** `waking` until it is ready again, or has failed. */
type Sleep = 'no' | 'sleeping' | 'unloaded' | 'waking';

const RUNNING: ReadonlySet<WorkerState> = new Set(['loading', 'ready', 'busy']);
/** Before a server that is only watched is asked again. */
const WATCH_AGAIN_MS = 1000;

export class Supervisor {
  readonly leases;
  readonly #parts: SupervisorParts;
  readonly #state;
  readonly #policy;
  readonly #bell = createDoorbell();
  #loop: Promise<void> | null = null;
  #isClosed = false;
  #wish: 'run' | 'stop' = 'run';
  #interrupt = new AbortController();
  #sleep: Sleep = 'no';
  #run: EngineRun | null = null;
  #prepared: PreparedRun | null = null;
  #lives = 0;
  #retryAtMs: number | null = null;
  #downSinceMs: number | null = null;
  #lastLoadMs: number | null = null;
  #lastFailure: WorkerFailure | null = null;
  #leftPids: readonly number[] = [];
  #isLooping = false;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    const { options, clock, random, tell } = parts;
    this.#state = createStateMachine(clock, (from, to, reason) => {
      // Each question would tell twice.
      const isQuestion = to === 'busy' || (from === 'busy' && to === 'ready');
      if (!isQuestion) tell({ kind: 'state', from, to, reason });
    });
    this.#policy = createRestartPolicy(options, { clock, random });
    this.leases = createLeases(clock, (current) => this.#run?.liveness.leaseHeld(current));
  }

  get state(): WorkerState {
    return this.#state.state;
  }
  get reason(): string {
    return this.#state.reason;
  }
  get sinceMs(): number {
    return this.#state.sinceMs;
  }
  get run(): EngineRun | null {
    return this.#run;
  }
  get prepared(): PreparedRun | null {
    return this.#prepared;
  }
  /** How often an engine was begun, for whoever waits for the next. */
  get lives(): number {
    return this.#lives;
  }
  get restarts(): number {
    return this.#policy.restarts;
  }
  get isAsleep(): boolean {
    return this.#sleep !== 'no';
  }
  get lastFailure(): WorkerFailure | null {
    return this.#lastFailure;
  }
  /** How long the last load took. */
  get lastLoadMs(): number | null {
    return this.#lastLoadMs;
  }
  get retryInMs(): number | null {
    return this.#retryAtMs === null ? null : Math.max(0, this.#retryAtMs - this.#parts.clock.monotonicMs());
  }
  /** Processes that did not end when they were last told to. */
  get leftPids(): readonly number[] {
    return this.#leftPids;
  }

  begin(): void {
    this.#loop ??= this.#supervise();
  }

  /** An operator's wish: what was before is forgiven, and whatever goes on gives way. */
  want(wish: 'run' | 'stop'): void {
    this.#wish = wish;
    this.#sleep = 'no';
    this.#policy.clear();
    this.#interrupt.abort();
    this.begin();
  }

  wakeUp(): void {
    const was = this.#sleep;
    if (was !== 'sleeping' && was !== 'unloaded') return;
    this.#sleep = 'waking';
    if (was === 'unloaded') this.#interrupt.abort();
    this.#bell.ring();
  }

  /** A request of ours began or ended: only these two states tell of it. */
  setBusy(run: EngineRun): void {
    if (run !== this.#run) return;
    const { requestsRunning } = run.liveness;
    if (this.state === 'ready' && requestsRunning > 0) this.#state.enter('busy', 'answering');
    else if (this.state === 'busy' && requestsRunning === 0) this.#state.enter('ready', 'answers');
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#interrupt.abort();
    await this.#loop;
  }

  async #supervise(): Promise<void> {
    while (!this.#isClosed) {
      this.#interrupt = new AbortController();
      const { signal } = this.#interrupt;
      try {
        if (this.#wish === 'run' && this.#sleep !== 'unloaded') await this.#live(signal);
        else await this.#rest(signal);
      } catch (error) {
        // A defect of ours; the worker must not die of it, nor spin.
        this.#parts.log.note('error', `The supervisor failed: ${String(error)}`);
        await this.#wait(this.#parts.options.trialMs, signal);
      }
    }
    if (this.state !== 'stopped') this.#state.enter('stopped', 'mem-agent is stopping');
  }

  async #rest(signal: AbortSignal): Promise<void> {
    if (this.#sleep === 'no') this.#state.enter('stopped', 'stopped by an operator');
    while (!signal.aborted) await this.#bell.wait(60_000, signal);
  }

  async #live(signal: AbortSignal): Promise<void> {
    this.#lives += 1;
    this.#retryAtMs = null;
    try {
      await this.#serveOneLife(signal);
    } catch (error) {
      if (error instanceof Interrupted) await this.#stop();
      else await this.#fail(toFailure(error), signal);
    } finally {
      this.#run = null;
      for (const kind of ['load', 'compile', 'sleep'] as const) this.leases.release(kind);
    }
  }

  async #serveOneLife(signal: AbortSignal): Promise<void> {
    const { options } = this.#parts;
    const run = await this.#prepare(signal);
    this.#run = run;
    if (this.state === 'starting') {
      const before = this.#prepared?.plan.before ?? [];
      if (before.length > 0) this.#state.enter('loading', 'preparing the engine');
      await run.start();
      this.#state.enter('loading', 'loading the model');
    }
    await run.load();
    this.#becomeReady(run);
    for (;;) {
      await run.serve();
      this.#sleep = 'sleeping';
      this.#state.enter('stopped', `asleep: no question for ${Math.round(options.idleUnloadMs / 1000)} s`);
      if (!(await this.#sleepAndWake(run))) return;
      this.#becomeReady(run);
    }
  }

  async #prepare(signal: AbortSignal): Promise<EngineRun> {
    const { options, tell } = this.#parts;
    const isWatched = options.profile === 'external';
    if (!isWatched) this.#state.enter('starting', 'preparing');
    else if (this.state === 'stopped') this.#state.enter('loading', `asking ${options.listen}`);
    const prepared = await prepareRun({
      ...this.#parts,
      previous: this.#prepared?.address ?? null,
      gpuUsedBytes: this.#prepared?.gpuUsedBytes ?? null,
      signal,
      onWaiting: (reason) => this.#state.enter(this.state, reason),
      onSwept: (processes) => tell({ kind: 'swept', processes }),
    });
    this.#prepared = prepared;
    return new EngineRun({
      ...this.#parts,
      ...prepared,
      leases: this.leases,
      bell: this.#bell,
      signal,
      onCanary: (outcome) => tell({ kind: 'canary', ...outcome }),
      onLoading: (detail) => this.#state.enter(this.state, detail),
    });
  }

  /** False when there is nothing left to wake: it was stopped, or died in its sleep. */
  async #sleepAndWake(run: EngineRun): Promise<boolean> {
    const { log } = this.#parts;
    const isAsleep = await run.fallAsleep();
    if (isAsleep) {
      try {
        await run.sleepUntil(() => this.#sleep !== 'sleeping');
      } catch (error) {
        if (!(error instanceof EngineFailure)) throw error;
        log.note('warn', `It ended in its sleep: ${error.message}`);
        await this.#end(run, 'kill');
        if (this.#sleep === 'sleeping') this.#sleep = 'unloaded';
        return false;
      }
      this.#state.enter('loading', 'waking up');
      await run.wakeUp();
      return true;
    }
    await this.#end(run, 'stop');
    // Somebody may have called for it meanwhile: then it is loaded again at once.
    if (this.#sleep === 'sleeping') this.#sleep = 'unloaded';
    return false;
  }

  #becomeReady(run: EngineRun): void {
    const { clock, tell } = this.#parts;
    this.#sleep = 'no';
    this.#lastLoadMs = run.elapsedMs;
    this.#policy.ready();
    this.#state.enter('ready', 'answers');
    tell({ kind: 'started', durationMs: run.elapsedMs });
    if (this.#downSinceMs !== null) tell({ kind: 'recovered', downMs: clock.monotonicMs() - this.#downSinceMs });
    this.#downSinceMs = null;
    this.setBusy(run);
  }

  async #stop(): Promise<void> {
    const { options } = this.#parts;
    const run = this.#run;
    if (run === null) return;
    if (RUNNING.has(this.state)) this.#state.enter('draining', 'ending what runs');
    // What was begun may not have reached it yet, so it is told only then. One that is not ours goes on without us.
    if (options.profile !== 'external') await run.drain(options.stopTimeoutMs);
    await this.#end(run, 'stop');
  }

  async #fail(failure: EngineFailure, signal: AbortSignal): Promise<void> {
    const { clock, options, tell, gpus } = this.#parts;
    const run = this.#run;
    const isHanging = failure.kind === 'stall' || failure.kind === 'canary';
    this.#sleep = 'no';
    this.#downSinceMs ??= clock.monotonicMs();
    if (isHanging || (failure.kind === 'load' && this.state === 'loading'))
      this.#state.enter('stalled', failure.message);
    const record = await describeFailure(failure, { ...this.#parts, run, gpus: gpus() });
    this.#lastFailure = record;
    tell({ kind: isHanging ? 'stalled' : 'crashed', failure: record });
    if (options.profile === 'external') {
      await run?.end('stop');
      await this.#wait(WATCH_AGAIN_MS, signal);
      return;
    }
    const lives = this.state === 'stalled';
    if (lives && run !== null) await this.#end(run, 'terminate');
    this.#backOff(failure);
    // What it left behind when it died.
    if (!lives && run !== null) await this.#end(run, 'kill');
    await this.#wait(this.retryInMs ?? 0, signal);
  }

  #backOff(failure: EngineFailure): void {
    const { clock, options, tell, log } = this.#parts;
    const wasLooping = this.#isLooping;
    const decision =
      failure.kind === 'spawn' ? ({ kind: 'failed', delayMs: options.trialMs } as const) : this.#policy.failed();
    this.#isLooping = decision.kind === 'crash_loop';
    this.#retryAtMs = clock.monotonicMs() + decision.delayMs;
    log.note('error', `${failure.message}; it is started again in ${Math.ceil(decision.delayMs / 1000)} s`);
    this.#state.enter(decision.kind, failure.message);
    if (this.#isLooping && !wasLooping) tell({ kind: 'crash_loop', trialMs: options.trialMs, reason: failure.message });
    tell({ kind: 'restart', delayMs: decision.delayMs, restarts: this.restarts, reason: failure.kind });
  }

  async #end(run: EngineRun, how: 'stop' | 'terminate' | 'kill'): Promise<void> {
    this.#leftPids = await run.end(how);
    if (this.#leftPids.length > 0)
      this.#parts.log.note('error', `Processes that can't be ended: ${this.#leftPids.join(', ')}`);
  }

  /** By the clock, which a test may turn. */
  async #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, lookEveryMs } = this.#parts;
    const untilMs = clock.monotonicMs() + ms;
    for (let leftMs = ms; leftMs > 0 && !signal.aborted; leftMs = untilMs - clock.monotonicMs())
      await this.#bell.wait(Math.min(leftMs, lookEveryMs), signal);
  }
}

/** Whatever kept an engine from being started at all is tried again now and then: somebody may install it. */
function toFailure(error: unknown): EngineFailure {
  if (error instanceof EngineFailure) return error;
  return new EngineFailure('spawn', error instanceof AppError ? error.userMessage : String(error), { cause: error });
}
