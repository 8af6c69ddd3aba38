// What the router remembers of each run: the route that holds its prefix cache, and from where `builtin` has it.
// Guarantee: bounded; far more runs are kept than can be in progress, so that none of those is ever forgotten.
import type { Route } from './route.ts';

const REMEMBERED_RUNS = 10_000;

export interface RememberedRun {
  route?: Route;
  /** Number of messages that were there when `builtin` took the run over; it never sees those after the question. */
  builtinFrom?: number;
}

export class RunMemory {
  readonly #runs = new Map<string, RememberedRun>();

  of(runId: string): RememberedRun {
    return this.#runs.get(runId) ?? {};
  }

  remember(runId: string, run: RememberedRun): void {
    // A map keeps the order of insertion: the oldest run goes first.
    this.#runs.delete(runId);
    this.#runs.set(runId, run);
    if (this.#runs.size <= REMEMBERED_RUNS) return;
    const [oldest] = this.#runs.keys();
    if (oldest !== undefined) this.#runs.delete(oldest);
  }
}
