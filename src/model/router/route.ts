// One route to a model: whether it can be asked now, and one request through it with everything that is counted of it.
// Guarantees: each request is bracketed at the breaker and at the worker, however it ends; what a caller breaks off is
// nobody's fault.
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ChatReply, ChatRequest } from '../chat-backend.ts';
import { blameOf } from '../model-error.ts';
import { RouteBreaker } from './route-breaker.ts';
import type { Admission, BreakerState, Verdict } from './route-breaker.ts';
import type { AwayReason, ModelRoute, RouterOptions, RouteStatus } from './router-options.ts';

/** A supervised server that is ready and still fails may be tried again this soon. */
const SUPERVISED_OPEN_MS = 1000;
/** After a 429 that names no time. */
const SHORT_REST_MS = 1000;
const LONGEST_REST_MS = 300_000;
/** How long a trial takes to show life is unknown. */
const TRIAL_MS = 1000;

export type Availability = { state: 'ready' | 'asleep' } | Away;

export interface Away {
  state: AwayReason;
  /** For a person. */
  reason: string;
  retryInMs: number;
  /** By itself: `soon` is worth a moment's wait even when somebody else could answer, `later` only when nobody can. */
  comesBack: 'soon' | 'later' | 'no';
}

export class Route {
  readonly spec: ModelRoute;
  readonly #clock: Clock;
  readonly #breaker: RouteBreaker;
  #outstanding = 0;
  #waking = 0;
  #wasAway = false;
  #restsUntilMs = -Infinity;
  #lastFailure: AppError | null = null;
  #seen: { state: RouteStatus['state']; sinceMs: number };

  constructor(spec: ModelRoute, options: RouterOptions, clock: Clock, onBreaker: (state: BreakerState) => void) {
    this.spec = spec;
    this.#clock = clock;
    this.#breaker = new RouteBreaker({
      failures: options.breakerFailures,
      openMs: spec.worker === null ? options.breakerOpenMs : Math.min(options.breakerOpenMs, SUPERVISED_OPEN_MS),
      clock,
      onChange: onBreaker,
    });
    this.#seen = { state: 'ready', sinceMs: clock.nowMs() };
  }

  get name(): string {
    return this.spec.backend.name;
  }

  get outstanding(): number {
    return this.#outstanding;
  }

  get lastFailure(): AppError | null {
    return this.#lastFailure;
  }

  availability(): Availability {
    const now = this.#judge();
    if (now.state !== this.#seen.state) this.#seen = { state: now.state, sinceMs: this.#clock.nowMs() };
    return now;
  }

  status(): RouteStatus {
    const now = this.availability();
    const { priority, trust, isPaid, backend } = this.spec;
    const failure = this.#lastFailure;
    return {
      name: this.name,
      priority,
      trust,
      isPaid,
      state: now.state,
      reason: 'reason' in now ? now.reason : now.state === 'asleep' ? 'unloaded until asked' : backend.status().reason,
      breaker: this.#breaker.state,
      outstanding: this.#outstanding,
      lastError: failure === null ? null : `${failure.code}: ${failure.message}`,
      since: new Date(this.#seen.sinceMs).toISOString(),
    };
  }

  /** null when the breaker says no after all. */
  admit(): Admission | null {
    return this.#breaker.admit();
  }

  /** One request; errors are as the backend threw them, as `AppError`. */
  async ask(request: ChatRequest, admission: Admission): Promise<ChatReply> {
    const work = this.spec.worker?.beginRequest();
    let outcome: 'ok' | 'failed' | 'cancelled' = 'ok';
    let verdict: Verdict = 'answered';
    this.#outstanding += 1;
    try {
      const reply = await this.spec.backend.complete({
        ...request,
        isComplete: (text) => {
          work?.progress();
          admission.alive();
          return request.isComplete(text);
        },
      });
      this.#lastFailure = null;
      return reply;
    } catch (thrown) {
      const error = toAppError(thrown);
      verdict = request.signal.aborted ? 'unknown' : this.#takeIn(error);
      if (request.signal.aborted) outcome = 'cancelled';
      else if (verdict === 'fault' && error.code !== 'MODEL_FAILED') outcome = 'failed';
      throw error;
    } finally {
      this.#outstanding -= 1;
      work?.end(outcome);
      await admission.end(verdict);
    }
  }

  /** Throws MODEL_UNAVAILABLE when it does not wake in time, and whatever ends `signal`. */
  async wake(signal: AbortSignal, timeoutMs: number, onProgress: (message: string) => void): Promise<void> {
    const { worker } = this.spec;
    if (worker === null) return;
    const tooLong = new AbortController();
    const timer = setTimeout(() => tooLong.abort(), timeoutMs);
    this.#waking += 1;
    try {
      await worker.wake(AbortSignal.any([signal, tooLong.signal]), onProgress);
    } catch (error) {
      if (!tooLong.signal.aborted || signal.aborted) throw error;
      throw new AppError('MODEL_UNAVAILABLE', `The model ${this.name} was not loaded within ${timeoutMs} ms`, {
        hint: 'Ask again in a moment, or raise model.wait_for_worker_ms',
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      this.#waking -= 1;
    }
  }

  #judge(): Availability {
    const { worker } = this.spec;
    if (worker !== null) {
      // Who is being woken for one question is on its way for the others too.
      if (worker.isAsleep() || (this.#waking > 0 && !worker.isReady())) return { state: 'asleep' };
      if (!worker.isReady()) {
        this.#wasAway = true;
        const { reason, retryAfterS } = worker.unavailable();
        return {
          state: 'not_ready',
          reason,
          retryInMs: Math.max(0, retryAfterS * 1000),
          comesBack: worker.isComing() ? 'soon' : 'later',
        };
      }
      if (this.#wasAway) this.#breaker.trialNow();
      this.#wasAway = false;
    }
    const restMs = this.#restsUntilMs - this.#clock.monotonicMs();
    if (restMs > 0) return { state: 'busy', reason: this.#failureText(), retryInMs: restMs, comesBack: 'soon' };
    if (this.#breaker.state === 'half-open') {
      return { state: 'breaker_open', reason: this.#failureText(), retryInMs: TRIAL_MS, comesBack: 'soon' };
    }
    const retryInMs = this.#breaker.retryInMs();
    if (retryInMs > 0) return { state: 'breaker_open', reason: this.#failureText(), retryInMs, comesBack: 'no' };
    return { state: 'ready' };
  }

  #takeIn(error: AppError): Verdict {
    if (!isModelFailure(error)) return 'unknown';
    const blame = blameOf(error);
    if (blame === 'request') return 'answered';
    this.#lastFailure = error;
    if (blame === 'backend') return 'fault';
    const restMs = error.retryAfterS === undefined ? SHORT_REST_MS : error.retryAfterS * 1000;
    this.#restsUntilMs = this.#clock.monotonicMs() + Math.min(restMs, LONGEST_REST_MS);
    return 'answered';
  }

  #failureText(): string {
    return this.#lastFailure?.message ?? 'it failed';
  }
}

/** The failures that say something about the backend; a consent, a budget, an audit or the end of a run does not. */
export function isModelFailure({ code }: AppError): boolean {
  return (
    code === 'MODEL_UNAVAILABLE' ||
    code === 'MODEL_FAILED' ||
    code === 'MODEL_PROTOCOL' ||
    code === 'WORKER_FAILED' ||
    code === 'INTERNAL'
  );
}
