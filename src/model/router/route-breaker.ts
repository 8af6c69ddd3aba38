// The circuit breaker of one route: after some failures in a row it is left alone for a while, then one request tries it.
// Guarantees: a trial is decided by its first sign of life, so that others need not wait for a whole answer; a trial that
// was broken off proves nothing; no other request waits for a trial.
import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleType } from 'cockatiel';
import type { CircuitBreakerPolicy } from 'cockatiel';
import type { Clock } from '../../lib/clock.ts';

export type BreakerState = 'closed' | 'open' | 'half-open';

/** `fault`: the backend's own. `answered`: whatever it said, it is alive. `unknown`: it was not to blame and has proved nothing. */
export type Verdict = 'answered' | 'fault' | 'unknown';

export interface Admission {
  /** Something of the answer has arrived. */
  alive(): void;
  /** Called exactly once; resolves when the breaker has taken it in. */
  end(verdict: Verdict): Promise<void>;
}

export interface RouteBreakerOptions {
  failures: number;
  openMs: number;
  clock: Clock;
  onChange(state: BreakerState): void;
}

interface Pause {
  duration: number;
  next(): Pause;
}

class Fault extends Error {}
/** The policy counts neither for nor against what it is not told to handle. */
class NoVerdict extends Error {}

const NAMES: Readonly<Record<CircuitState, BreakerState>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

export class RouteBreaker {
  readonly #policy: CircuitBreakerPolicy;
  readonly #clock: Clock;
  /** The policy reads the duration at each request, so that it can be cut short. */
  readonly #pause: Pause = { duration: 0, next: () => this.#startPause() };
  readonly #openMs: number;
  #openedAtMs = 0;

  constructor({ failures, openMs, clock, onChange }: RouteBreakerOptions) {
    this.#clock = clock;
    this.#openMs = openMs;
    this.#policy = circuitBreaker(handleType(Fault), {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: this.#pause,
    });
    this.#policy.onStateChange((state) => onChange(NAMES[state]));
  }

  get state(): BreakerState {
    return NAMES[this.#policy.state];
  }

  /** Until the next trial; 0 when a request would be let through, or a trial is running. */
  retryInMs(): number {
    if (this.#policy.state !== CircuitState.Open) return 0;
    return Math.max(0, this.#openedAtMs + this.#pause.duration - this.#clock.nowMs());
  }

  /** The reason for the pause is gone: the next request may try. */
  trialNow(): void {
    this.#pause.duration = 0;
  }

  /** null while the route is to be left alone. */
  admit(): Admission | null {
    // The policy would let a second request wait for the outcome of the first.
    if (this.#policy.state === CircuitState.HalfOpen) return null;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let isIn = false;
    const settled = settle(
      this.#policy.execute(() => {
        isIn = true;
        return promise;
      }),
    );
    if (!isIn) return null;
    const isTrial = this.state === 'half-open';
    let isDecided = false;
    return {
      alive: () => {
        if (!isTrial) return;
        isDecided = true;
        resolve();
      },
      end: async (verdict) => {
        if (verdict === 'fault' && isDecided) await this.#countFault();
        else if (verdict === 'answered') resolve();
        else reject(verdict === 'fault' || isTrial ? new Fault() : new NoVerdict());
        await settled;
      },
    };
  }

  async #countFault(): Promise<void> {
    if (this.#policy.state === CircuitState.Closed) {
      await settle(this.#policy.execute(() => Promise.reject(new Fault())));
    }
  }

  #startPause(): Pause {
    this.#openedAtMs = this.#clock.nowMs();
    // Not all at once: several daemons may share a server.
    this.#pause.duration = this.#openMs * (0.8 + 0.4 * Math.random());
    return this.#pause;
  }
}

/** The outcome is ours and known already; only the moment matters. */
async function settle(work: Promise<unknown>): Promise<void> {
  await Promise.allSettled([work]);
}
