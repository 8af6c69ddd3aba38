// The end of a run, wherever it comes from: the client, the deadline, or an error that no turn can mend.
// Guarantees: one signal for model, sandbox and functions; the first reason wins and is the error the caller gets.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

const LONGEST_TIMER_MS = 2_147_483_647;

export class RunScope implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #timer: NodeJS.Timeout;
  readonly #onOuterAbort = (): void => this.fail(cancelledBy(this.#outer));

  constructor(outer: AbortSignal, deadlineAtMs: number, clock: Clock) {
    this.#outer = outer;
    const remainingMs = Math.min(LONGEST_TIMER_MS, Math.max(0, deadlineAtMs - clock.monotonicMs()));
    this.#timer = setTimeout(() => this.fail(deadlineExceeded()), remainingMs);
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  fail(error: AppError): void {
    this.#controller.abort(error);
  }

  /** Also the guard in front of every effect: after the end nothing more happens. */
  throwIfEnded(): void {
    if (this.signal.aborted) throw this.signal.reason;
  }

  /** The reason the run ended, if it did; else what was thrown. */
  errorFor(thrown: unknown): unknown {
    return this.signal.aborted ? this.signal.reason : thrown;
  }

  /** Waits for the work or for the end of the run, whichever comes first: a part that ignores the signal can't hold it up. */
  async race<T>(work: Promise<T>): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(this.signal.reason);
    // Even if the run is over already, the work's own failure must find someone who listens.
    if (this.signal.aborted) onAbort();
    else this.signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([promise, work]);
    } finally {
      this.signal.removeEventListener('abort', onAbort);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer.removeEventListener('abort', this.#onOuterAbort);
    // Nothing of this run may act after it: a late call of a dying interpreter included.
    this.fail(new AppError('CANCELLED', 'The run has ended'));
  }
}

function cancelledBy(signal: AbortSignal): AppError {
  if (signal.reason instanceof AppError) return signal.reason;
  return new AppError('CANCELLED', 'The call was cancelled', { cause: signal.reason });
}

function deadlineExceeded(): AppError {
  return new AppError('DEADLINE_EXCEEDED', 'The agent did not finish in time', {
    hint: 'Ask something narrower, or raise agent.deadline_ms',
  });
}
