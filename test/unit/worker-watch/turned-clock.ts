// A clock whose hands the test turns.
import type { Clock } from '../../../src/lib/clock.ts';

export class TurnedClock implements Clock {
  #ms = 0;
  nowMs(): number {
    return 1_764_000_000_000 + this.#ms;
  }
  monotonicMs(): number {
    return 1000 + this.#ms;
  }
  forward(ms: number): void {
    this.#ms += ms;
  }
}
