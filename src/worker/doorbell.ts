// Lets a loop sleep until its next look or until somebody has news for it, whichever comes first.

export interface Doorbell {
  ring(): void;
  /** Resolves after the time, a ring, or the signal's abort; a ring while nobody waits is kept for the next. Never rejects. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export function createDoorbell(): Doorbell {
  let isRung = false;
  let wake = (): void => undefined;
  return {
    ring() {
      isRung = true;
      wake();
    },
    async wait(timeoutMs, signal) {
      if (!isRung && !signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        const timer = setTimeout(resolve, timeoutMs);
        const onAbort = (): void => resolve();
        signal.addEventListener('abort', onAbort, { once: true });
        await promise;
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      }
      isRung = false;
    },
  };
}
