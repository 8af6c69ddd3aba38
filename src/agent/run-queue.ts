// Who may run now: a fixed number of runs, a bounded queue, and rounds taken by principals rather than by calls.
// Guarantees: however many runs a principal has in progress or waiting, another's single one gets the next free place; no
// principal fills the queue alone, or has more places than it may; what is full refuses at once, with a time to come back.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export interface RunQueueOptions {
  maxConcurrentRuns: number;
  maxQueuedRuns: number;
  /** Of those, how many may be of one principal; left out, all. */
  maxQueuedRunsPerPrincipal?: number;
}

/** How full it is now, and what it takes. */
export interface QueueFigures {
  running: number;
  waiting: number;
  maxConcurrentRuns: number;
  maxQueuedRuns: number;
  waitingByPrincipal: { id: string; waiting: number; oldestWaitMs: number }[];
  /** A moving average. */
  typicalRunMs: number;
}

interface Waiting {
  principalId: string;
  /** How many places its principal may have at once. */
  maxRuns: number;
  sinceMs: number;
  admit(): void;
  refuse(error: AppError): void;
}

/** A principal with nothing waiting may still enter a full queue, up to this share above it. */
const NEWCOMER_SHARE = 1 / 8;
/** How fast the estimate of a run's length follows the latest runs. */
const ESTIMATE_WEIGHT = 0.2;
const FIRST_ESTIMATE_MS = 5000;
const REMEMBERED_PRINCIPALS = 1000;
const DRAIN_RETRY_S = 5;

export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #clock: Clock;
  readonly #onWait: ((waitMs: number) => void) | undefined;
  /** Among equals the first goes first: who was served goes to the end. */
  readonly #waiting = new Map<string, Waiting[]>();
  /** The round in which a principal may have its next place; each place that it gets costs one. */
  readonly #nextRounds = new Map<string, number>();
  readonly #runningOf = new Map<string, number>();
  /** Of the place given last. Who comes after a while begins here: a pause earns nothing, and costs nothing. */
  #round = 0;
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

  figures(): QueueFigures {
    const nowMs = this.#clock.monotonicMs();
    return {
      running: this.#running,
      waiting: this.#queued,
      maxConcurrentRuns: this.#options.maxConcurrentRuns,
      maxQueuedRuns: this.#options.maxQueuedRuns,
      waitingByPrincipal: [...this.#waiting].map(([id, waiting]) => ({
        id,
        waiting: waiting.length,
        oldestWaitMs: Math.round(nowMs - (waiting[0]?.sinceMs ?? nowMs)),
      })),
      typicalRunMs: Math.round(this.#typicalRunMs),
    };
  }

  /** Resolves with a place, given back by disposing of it. Errors: QUEUE_FULL, DRAINING, CANCELLED. */
  async enter(principalId: string, signal: AbortSignal, maxRuns = Infinity): Promise<Disposable> {
    if (this.#isClosed) throw draining();
    if (signal.aborted) throw cancelled(signal);
    const sinceMs = this.#clock.monotonicMs();
    if (this.#isFree(principalId, maxRuns)) this.#take(principalId);
    else await this.#wait(principalId, signal, maxRuns, sinceMs);
    this.#onWait?.(this.#clock.monotonicMs() - sinceMs);
    return this.#place(principalId);
  }

  /** Refuses everyone who waits and whoever comes; runs that have a place finish. */
  close(): void {
    this.#isClosed = true;
    const all = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#queued = 0;
    for (const waiting of all) waiting.refuse(draining());
  }

  /** Why `enter` would refuse now, or null: for who must know before an answer has begun. */
  refusalOf(principalId: string, maxRuns = Infinity): AppError | null {
    if (this.#isClosed) return draining();
    if (this.#isFree(principalId, maxRuns)) return null;
    const { maxQueuedRuns, maxQueuedRunsPerPrincipal = maxQueuedRuns } = this.#options;
    const own = this.#waiting.get(principalId)?.length ?? 0;
    if (own > 0 && own >= maxQueuedRunsPerPrincipal) {
      return queueFull('Too many questions of yours are waiting already', this.#retryAfterS(own));
    }
    const limit = own === 0 ? maxQueuedRuns + Math.floor(maxQueuedRuns * NEWCOMER_SHARE) : maxQueuedRuns;
    if (this.#queued < limit) return null;
    return queueFull('Too many questions are waiting already', this.#retryAfterS(own));
  }

  /** Those who wait come first, unless they wait for places of their own. */
  #isFree(principalId: string, maxRuns: number): boolean {
    if (this.#running >= this.#options.maxConcurrentRuns) return false;
    if (this.#waiting.has(principalId) || !this.#mayRun(principalId, maxRuns)) return false;
    return this.#queued === 0 || this.#nextWaiting() === undefined;
  }

  #mayRun(principalId: string, maxRuns: number): boolean {
    return (this.#runningOf.get(principalId) ?? 0) < maxRuns;
  }

  /** How long until one more of a principal with so many waiting may have its place. */
  #retryAfterS(own: number): number {
    const ahead = own === 0 ? this.#queued : Math.min(this.#queued, own * this.#waiting.size);
    const rounds = (ahead + 1) / this.#options.maxConcurrentRuns;
    return Math.max(1, Math.min(300, Math.ceil((rounds * this.#typicalRunMs) / 1000)));
  }

  #wait(principalId: string, signal: AbortSignal, maxRuns: number, sinceMs: number): Promise<void> {
    const refusal = this.refusalOf(principalId, maxRuns);
    if (refusal !== null) throw refusal;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = {
      principalId,
      maxRuns,
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
    const own = this.#waiting.get(principalId);
    if (own === undefined) this.#waiting.set(principalId, [waiting]);
    else own.push(waiting);
    this.#queued += 1;
    return promise;
  }

  #place(principalId: string): Disposable {
    const startedMs = this.#clock.monotonicMs();
    let isFree = false;
    return {
      [Symbol.dispose]: () => {
        if (isFree) return;
        isFree = true;
        const tookMs = this.#clock.monotonicMs() - startedMs;
        this.#typicalRunMs += ESTIMATE_WEIGHT * (tookMs - this.#typicalRunMs);
        this.#running -= 1;
        const own = (this.#runningOf.get(principalId) ?? 0) - 1;
        if (own > 0) this.#runningOf.set(principalId, own);
        else this.#runningOf.delete(principalId);
        this.#admitNext();
      },
    };
  }

  /** A place given back lets at most one more in: a free one that nobody could take is still nobody's. */
  #admitNext(): void {
    const next = this.#nextWaiting();
    const waiting = next?.queue.shift();
    if (next === undefined || waiting === undefined) return;
    this.#waiting.delete(next.principalId);
    if (next.queue.length > 0) this.#waiting.set(next.principalId, next.queue);
    this.#queued -= 1;
    this.#take(next.principalId);
    waiting.admit();
  }

  /** Whose turn it is among those who may have one more place. */
  #nextWaiting(): { principalId: string; queue: Waiting[]; round: number } | undefined {
    let next: { principalId: string; queue: Waiting[]; round: number } | undefined;
    for (const [principalId, queue] of this.#waiting) {
      if (!this.#mayRun(principalId, queue[0]?.maxRuns ?? 0)) continue;
      const round = this.#roundOf(principalId);
      if (next === undefined || round < next.round) next = { principalId, queue, round };
    }
    return next;
  }

  #roundOf(principalId: string): number {
    return Math.max(this.#round, this.#nextRounds.get(principalId) ?? 0);
  }

  #take(principalId: string): void {
    this.#running += 1;
    this.#runningOf.set(principalId, (this.#runningOf.get(principalId) ?? 0) + 1);
    this.#round = this.#roundOf(principalId);
    this.#nextRounds.set(principalId, this.#round + 1);
    if (this.#nextRounds.size <= REMEMBERED_PRINCIPALS) return;
    // Whose next round has come anyway needs no remembering.
    for (const [id, round] of this.#nextRounds) if (round <= this.#round) this.#nextRounds.delete(id);
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

function queueFull(message: string, retryAfterS: number): AppError {
  return new AppError('QUEUE_FULL', message, { hint: `Try again in ${retryAfterS} s`, retryAfterS });
}

function draining(): AppError {
  return new AppError('DRAINING', 'mem-agent is shutting down', {
    hint: 'Try again in a moment',
    retryAfterS: DRAIN_RETRY_S,
  });
}

function cancelled(signal: AbortSignal): AppError {
  if (signal.reason instanceof AppError) return signal.reason;
  return new AppError('CANCELLED', 'The call was cancelled while it waited', { cause: signal.reason });
}
