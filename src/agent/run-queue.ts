// Who may run now: a fixed number of runs, a bounded queue, and turns taken between principals rather than between calls.
// Guarantees: a principal with many waiting runs delays another by at most one round; a full queue refuses at once.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export interface RunQueueOptions {
  maxConcurrentRuns: number;
  maxQueuedRuns: number;
}

interface Waiting {
  principalId: string;
  sinceMs: number;
  admit(): void;
  refuse(error: AppError): void;
}

/** A principal with nothing waiting may still enter a full queue, up to this share above it. */
const NEWCOMER_SHARE = 1 / 8;
/** How fast the estimate of a run's length follows the latest runs. */
const ESTIMATE_WEIGHT = 0.2;
const FIRST_ESTIMATE_MS = 5000;

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #clock: Clock;
  readonly #onWait: ((waitMs: number) => void) | undefined;
  /** Insertion order is the order of turns: who was served goes to the end. */
  readonly #waiting = new Map<string, Waiting[]>();
  #queued = 0;
  #running = 0;
  #typicalRunMs = FIRST_ESTIMATE_MS;
  #isClosed = false;

  constructor(options: RunQueueOptions, clock: Clock, onWait?: (waitMs: number) => void) {
    this.#options = options;
    this.#clock = clock;
    this.#onWait = onWait;
  }

  get depth(): number {
    return this.#queued;
  }

  get running(): number {
    return this.#running;
  }

  /** Resolves with a place, given back by disposing of it. Errors: QUEUE_FULL, DRAINING, CANCELLED. */
  async enter(principalId: string, signal: AbortSignal): Promise<Disposable> {
    if (this.#isClosed) throw draining();
    if (signal.aborted) throw cancelled(signal);
    const sinceMs = this.#clock.monotonicMs();
    if (this.#running < this.#options.maxConcurrentRuns && this.#queued === 0) this.#running += 1;
    else await this.#wait(principalId, signal, sinceMs);
    this.#onWait?.(this.#clock.monotonicMs() - sinceMs);
    return this.#place();
  }

  /** Refuses everyone who waits and whoever comes; runs that have a place finish. */
  close(): void {
    this.#isClosed = true;
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#queued = 0;
    for (const waiting of all) waiting.refuse(draining());
  }

  /** How long until a place may be free again. */
  retryAfterS(): number {
    const rounds = (this.#queued + 1) / this.#options.maxConcurrentRuns;
    return Math.max(1, Math.min(300, Math.ceil((rounds * this.#typicalRunMs) / 1000)));
  }

  #wait(principalId: string, signal: AbortSignal, sinceMs: number): Promise<void> {
    const own = this.#waiting.get(principalId);
    const { maxQueuedRuns } = this.#options;
    const limit = own === undefined ? maxQueuedRuns + Math.floor(maxQueuedRuns * NEWCOMER_SHARE) : maxQueuedRuns;
    if (this.#queued >= limit) throw queueFull(this.retryAfterS());
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = {
      principalId,
      sinceMs,
      admit: () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
      refuse: (error) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      },
    };
    const onAbort = (): void => {
      this.#forget(waiting);
      reject(cancelled(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (own === undefined) this.#waiting.set(principalId, [waiting]);
    else own.push(waiting);
    this.#queued += 1;
    return promise;
  }

  #place(): Disposable {
    const startedMs = this.#clock.monotonicMs();
    let isFree = false;
    return {
      [Symbol.dispose]: () => {
        if (isFree) return;
        isFree = true;
        const tookMs = this.#clock.monotonicMs() - startedMs;
        this.#typicalRunMs += ESTIMATE_WEIGHT * (tookMs - this.#typicalRunMs);
        this.#running -= 1;
        this.#admitNext();
      },
    };
  }

  #admitNext(): void {
    const next = this.#waiting.entries().next();
    if (next.done === true) return;
    const [principalId, queue] = next.value;
    const waiting = queue.shift();
    this.#waiting.delete(principalId);
    if (queue.length > 0) this.#waiting.set(principalId, queue);
    if (waiting === undefined) return;
    this.#queued -= 1;
    this.#running += 1;
    waiting.admit();
  }

  #forget(waiting: Waiting): void {
    const queue = this.#waiting.get(waiting.principalId);
    const index = queue?.indexOf(waiting) ?? -1;
    if (queue === undefined || index === -1) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.#waiting.delete(waiting.principalId);
    this.#queued -= 1;
  }
}

function queueFull(retryAfterS: number): AppError {
  return new AppError('QUEUE_FULL', 'Too many questions are waiting already', {
    hint: `Try again in ${retryAfterS} s`,
    retryAfterS,
  });
}

function draining(): AppError {
  return new AppError('DRAINING', 'mem-agent is shutting down', { hint: 'Try again in a moment' });
}

function cancelled(signal: AbortSignal): AppError {
  if (signal.reason instanceof AppError) return signal.reason;
  return new AppError('CANCELLED', 'The call was cancelled while it waited', { cause: signal.reason });
}
