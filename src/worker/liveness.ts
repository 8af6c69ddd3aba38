// Whether a ready engine still does its work: our requests must progress, and when there are none it is asked for a token.
// Guarantees: `look` never waits; whatever is asked of the engine runs beside it, one question of a kind at a time, and ends
// with `dispose`.
import { toAppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { fetchEngineMetrics, parseEngineFigures, UNKNOWN_FIGURES } from './engine-metrics.ts';
import type { LaunchPlan } from './launch-plan.ts';
import { askCanary } from './readiness.ts';
import { createStallWatch } from './stall-watch.ts';
import type { WorkerEndpoint } from './worker-endpoint.ts';
import type { WorkerOptions } from './worker-options.ts';
import type { LeaseKind, Worker } from './worker.ts';

export interface LivenessContext {
  options: WorkerOptions;
  plan: LaunchPlan;
  endpoint: WorkerEndpoint;
  clock: Clock;
  /** Something happened that is worth a look. */
  ring(): void;
  onCanary(outcome: { ok: boolean; durationMs: number; detail: string }): void;
}

export type Verdict = { kind: 'stall' | 'canary'; reason: string } | { kind: 'idle' };

type WorkerRequest = ReturnType<Worker['beginRequest']>;

const METRICS_BUSY_MS = 1000;
const METRICS_IDLE_MS = 10_000;
const METRICS_TIMEOUT_MS = 2000;
/** A canary that fails at once is not repeated at once: a hiccup is no stall. */
const CANARY_PAUSE_MS = 1000;

export class Liveness implements Disposable {
  readonly #context: LivenessContext;
  readonly #watch;
  readonly #end = new AbortController();
  #running = 0;
  #lastUseMs: number;
  #metrics = '';
  #metricsAtMs = -Infinity;
  #isFetching = false;
  #canary: AbortController | null = null;
  #canaryDueMs: number;
  #canaryFailures = 0;
  /** Something failed: only a token proves that it is well. */
  #isSuspect = false;
  #canaryFailure = '';
  #lastCanaryMs: number | null = null;

  constructor(context: LivenessContext) {
    this.#context = context;
    this.#watch = createStallWatch({ stallMs: context.options.stallMs, clock: context.clock });
    this.#lastUseMs = context.clock.monotonicMs();
    this.#canaryDueMs = this.#lastUseMs + context.options.canaryIdleMs;
  }

  get requestsRunning(): number {
    return this.#running;
  }

  /** The engine's metrics as last read. */
  get metrics(): string {
    return this.#metrics;
  }

  /** On the clock's monotonic hand. */
  get lastProgressMs(): number | null {
    return this.#watch.lastProgressMs();
  }

  /** When a canary last came back, on the clock's wall hand. */
  get lastCanaryMs(): number | null {
    return this.#lastCanaryMs;
  }

  leaseHeld(kind: LeaseKind | null): void {
    this.#watch.leaseHeld(kind);
  }

  beginRequest(): WorkerRequest {
    this.#running += 1;
    this.#watch.requestStarted();
    // Real work tells more than a canary, which would only wait behind it.
    this.#canary?.abort();
    this.#postponeCanary(this.#context.options.canaryIdleMs);
    let isOpen = true;
    return {
      progress: () => {
        this.#watch.chunk();
        this.#canaryFailures = 0;
      },
      end: (outcome) => {
        if (!isOpen) return;
        isOpen = false;
        this.#running -= 1;
        this.#watch.requestEnded();
        this.#lastUseMs = this.#context.clock.monotonicMs();
        // The worker broke it off: find out now whether it still can.
        this.#isSuspect ||= outcome === 'failed';
        this.#postponeCanary(outcome === 'failed' ? 0 : this.#context.options.canaryIdleMs);
        this.#context.ring();
      },
    };
  }

  /** Judges by what is known, and sees to it that the next look knows more. */
  look(): Verdict | null {
    const { options, clock } = this.#context;
    const nowMs = clock.monotonicMs();
    if (this.#watch.isStalled())
      return { kind: 'stall', reason: `requests run and nothing moved for ${Math.round(options.stallMs / 1000)} s` };
    if (this.#canaryFailures >= options.canaryFailures)
      return { kind: 'canary', reason: `${this.#canaryFailures} canaries in a row failed: ${this.#canaryFailure}` };
    const metricsEveryMs =
      this.#running > 0
        ? Math.min(METRICS_BUSY_MS, options.stallMs / 4)
        : Math.min(METRICS_IDLE_MS, options.canaryIdleMs / 2);
    if (!this.#isFetching && nowMs - this.#metricsAtMs >= metricsEveryMs) void this.#fetchMetrics();
    if (this.#running > 0) return null;
    if (options.idleUnloadMs > 0 && nowMs - this.#lastUseMs >= options.idleUnloadMs && this.#canary === null)
      return { kind: 'idle' };
    if (this.#canary !== null || nowMs < this.#canaryDueMs) return null;
    // An engine that works for others may be too busy for a canary; its counter shows that it lives.
    const quietMs = nowMs - (this.#watch.lastProgressMs() ?? -Infinity);
    if (this.#isSuspect || quietMs >= options.canaryIdleMs) void this.#askCanary();
    else this.#postponeCanary(options.canaryIdleMs - quietMs);
    return null;
  }

  /** It is ready, after a load or a sleep: everything counts from now. */
  beginService(): void {
    this.#lastUseMs = this.#context.clock.monotonicMs();
    this.#canaryFailures = 0;
    this.#isSuspect = false;
    this.#postponeCanary(this.#context.options.canaryIdleMs);
  }

  /** For the record of a failure: asked now, what was known before when there is no answer. */
  async readMetricsNow(): Promise<string> {
    await this.#fetchMetrics();
    return this.#metrics;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    this.#canary?.abort();
  }

  #postponeCanary(byMs: number): void {
    this.#canaryDueMs = this.#context.clock.monotonicMs() + byMs;
  }

  async #fetchMetrics(): Promise<void> {
    const { endpoint, plan, options, clock } = this.#context;
    this.#metricsAtMs = clock.monotonicMs();
    if (!plan.hasMetrics) return;
    this.#isFetching = true;
    try {
      const { apiKey } = options;
      this.#metrics = await fetchEngineMetrics(endpoint, {
        timeoutMs: METRICS_TIMEOUT_MS,
        signal: this.#end.signal,
        apiKey,
      });
      this.#watch.figures(parseEngineFigures(this.#metrics));
    } catch {
      // Unreadable figures prove nothing; pieces of answers and canaries judge alone.
      this.#watch.figures(UNKNOWN_FIGURES);
    } finally {
      this.#isFetching = false;
    }
  }

  async #askCanary(): Promise<void> {
    const { endpoint, plan, options, clock, onCanary, ring } = this.#context;
    const canary = new AbortController();
    this.#canary = canary;
    const startedMs = clock.monotonicMs();
    let detail = 'one token came back';
    let ok = true;
    try {
      await askCanary(endpoint, {
        servedName: plan.servedName,
        apiKey: options.apiKey,
        timeoutMs: options.canaryTimeoutMs,
        signal: canary.signal,
      });
    } catch (error) {
      ok = false;
      detail = toAppError(error).message;
    } finally {
      this.#canary = null;
    }
    if (canary.signal.aborted) return;
    const durationMs = clock.monotonicMs() - startedMs;
    if (ok) {
      this.#canaryFailures = 0;
      this.#isSuspect = false;
      this.#lastCanaryMs = clock.nowMs();
      this.#watch.chunk();
      this.#postponeCanary(options.canaryIdleMs);
    } else {
      this.#canaryFailures += 1;
      this.#isSuspect = true;
      this.#canaryFailure = detail;
      this.#postponeCanary(Math.max(0, CANARY_PAUSE_MS - durationMs));
    }
    onCanary({ ok, durationMs, detail });
    ring();
  }
}
