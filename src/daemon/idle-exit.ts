// Ends a daemon that a stdio client started: `idleExitMs` after its last client (lease or request) has gone.
// Guarantees: never while a client is attached; never at all with `idleExitMs` 0.
import type { Clock } from '../lib/clock.ts';

export interface IdleExit extends Disposable {
  /** A client attached; call the result once when it goes. */
  attach(): () => void;
  /** A request came in. */
  touch(): void;
  readonly attached: number;
}

export function startIdleExit(options: { idleExitMs: number; clock: Clock; onIdle: () => void }): IdleExit {
  const { idleExitMs, clock, onIdle } = options;
  let attached = 0;
  let lastSeenMs = clock.monotonicMs();
  const touch = (): void => {
    lastSeenMs = clock.monotonicMs();
  };
  const timer =
    idleExitMs === 0
      ? undefined
      : setInterval(
          () => {
            if (attached === 0 && clock.monotonicMs() - lastSeenMs >= idleExitMs) onIdle();
          },
          Math.min(Math.max(idleExitMs / 10, 50), 5000),
        );
  timer?.unref();
  return {
    attach() {
      attached += 1;
      let released = false;
      return () => {
        if (released) return;
        released = true;
        attached -= 1;
        touch();
      };
    },
    touch,
    get attached() {
      return attached;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
    },
  };
}
