// Waits until a worker can answer, and tells the client that waits how it goes.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export interface ReadyWait {
  isReady(): boolean;
  /** Again and again: it may fall asleep before the first of many waiters has asked it. */
  wake(): void;
  /** False when waiting has no more sense. */
  isComing(): boolean;
  unavailable(): { reason: string; retryAfterS: number };
  clock: Clock;
  signal: AbortSignal;
  onProgress(message: string): void;
}

const LOOK_EVERY_MS = 50;
const TELL_EVERY_MS = 5000;

/** Throws MODEL_UNAVAILABLE or CANCELLED. */
export async function waitUntilReady(wait: ReadyWait): Promise<void> {
  const startedMs = wait.clock.monotonicMs();
  let toldMs = -Infinity;
  while (!wait.isReady()) {
    if (wait.signal.aborted) throw cancelled(wait.signal);
    wait.wake();
    if (!wait.isComing()) {
      const { reason, retryAfterS } = wait.unavailable();
      throw new AppError('MODEL_UNAVAILABLE', `The model did not wake up: ${reason}`, {
        hint: 'Try again later; "mem-agent worker status" says more',
        retryAfterS,
      });
    }
    const nowMs = wait.clock.monotonicMs();
    if (nowMs - toldMs >= TELL_EVERY_MS) {
      toldMs = nowMs;
      wait.onProgress(`loading the model, ${Math.round((nowMs - startedMs) / 1000)} s`);
    }
    // An abort is seen at the top of the loop.
    await sleep(LOOK_EVERY_MS, undefined, { signal: wait.signal }).catch(() => undefined);
  }
}

function cancelled(signal: AbortSignal): AppError {
  return new AppError('CANCELLED', 'The wait for the model was cancelled', { cause: signal.reason });
}
