// How long to wait before the next attempt: doubles from the first wait to its cap, jittered, until it is reset.
// Guarantee: every wait is between half of the doubled value and the whole of it, and never above the cap.

export interface BackoffOptions {
  firstMs: number;
  maxMs: number;
  /** From 0 up to 1; tests give their own. */
  random?: () => number;
}

export interface Backoff {
  /** Attempts since the last reset. */
  readonly attempts: number;
  nextMs(): number;
  reset(): void;
}

export function createBackoff({ firstMs, maxMs, random = Math.random }: BackoffOptions): Backoff {
  let attempts = 0;
  return {
    get attempts() {
      return attempts;
    },
    nextMs() {
      const fullMs = Math.min(maxMs, firstMs * 2 ** attempts);
      attempts += 1;
      return fullMs * (0.5 + 0.5 * random());
    },
    reset() {
      attempts = 0;
    },
  };
}
