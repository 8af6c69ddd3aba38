// Waits until a worker can answer, and tells the client that waits how it goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export interface ReadyWait {
  isReady(): boolean;
  /** What it does now, or null when waiting has no more sense. */
  progress(): string | null;
  unavailable(): { reason: string; retryAfterS: number };
  clock: Clock;
  signal: AbortSignal;
  onProgress(message: string): void;
}

const LOOK_EVERY_MS = 50;
const TELL_EVERY_MS = 5000;

/** Throws MODEL_UNAVAILABLE or CANCELLED. */
export async function waitUntilReady(wait: ReadyWait): Promise<void> {
  let toldMs = -Infinity;
  while (!wait.isReady()) {
    if (wait.signal.aborted) throw cancelled(wait.signal);
    const message = wait.progress();
    if (message === null) {
      const { reason, retryAfterS } = wait.unavailable();
      throw new AppError('MODEL_UNAVAILABLE', `The model did not wake up: ${reason}`, {
        hint: 'Try again later; "mem-agent worker status" says more',
        retryAfterS,
      });
    }
    if (wait.clock.monotonicMs() - toldMs >= TELL_EVERY_MS) {
      toldMs = wait.clock.monotonicMs();
      wait.onProgress(message);
    }
    // An abort is seen at the top of the loop.
    await sleep(LOOK_EVERY_MS, undefined, { signal: wait.signal }).catch(() => undefined);
  }
}

function cancelled(signal: AbortSignal): AppError {
  return new AppError('CANCELLED', 'The wait for the model was cancelled', { cause: signal.reason });
}
