// Judges whether an engine hangs: requests run, nothing moves for the limit, and no lease says that this is to be expected.
// Guarantees: pure, on the clock it is given; a health route has no say. Time counts only while something runs, so that a
// hang is found through any number of short requests that give up, and an hour without questions is none.
import type { Clock } from '../lib/clock.ts';
import type { EngineFigures } from './engine-metrics.ts';
import type { LeaseKind } from './worker.ts';

export interface StallWatchOptions {
  stallMs: number;
  clock: Clock;
}

export interface StallWatch {
  /** Brackets one of our requests; its end alone is no progress, for it may have given up. */
  requestStarted(): void;
  requestEnded(): void;
  /** A piece of an answer has come, or the token of a canary: progress, whatever the figures say. */
  chunk(): void;
  /** As last read; `UNKNOWN_FIGURES` when they can't be. */
  figures(figures: EngineFigures): void;
  /** Whatever moves under a lease is no stall; when it ends the time begins anew. */
  leaseHeld(kind: LeaseKind | null): void;
  isStalled(): boolean;
  /** Since something ran or moved; 0 while something runs or a lease is held. For the canary and the idle unload. */
  idleForMs(): number;
  /** On the clock's monotonic hand; null before the first progress. */
  lastProgressMs(): number | null;
}

export function createStallWatch({ stallMs, clock }: StallWatchOptions): StallWatch {
  // Older figures say nothing: who hangs with its metrics unreadable is found by chunks, or by the canary.
  const freshMs = stallMs / 2;
  let ours = 0;
  let lease: LeaseKind | null = null;
  let iterations: number | null = null;
  let runningForOthers = false;
  let figuresAtMs = 0;
  let progressAtMs: number | null = null;
  let seenMs = clock.monotonicMs();
  let activeAtMs = seenMs;
  /** How long something has run without progress. */
  let stuckMs = 0;

  const isBusy = (nowMs: number): boolean => ours > 0 || (runningForOthers && nowMs - figuresAtMs < freshMs);

  /** Brings the account up to now; called before anything changes. */
  const settle = (): number => {
    const nowMs = clock.monotonicMs();
    let busyUntilMs = seenMs;
    if (ours > 0) busyUntilMs = nowMs;
    else if (runningForOthers) busyUntilMs = Math.max(seenMs, Math.min(nowMs, figuresAtMs + freshMs));
    if (lease !== null) activeAtMs = nowMs;
    else if (busyUntilMs > seenMs) {
      stuckMs += busyUntilMs - seenMs;
      activeAtMs = busyUntilMs;
    }
    // What gave up long ago says nothing about what is asked now.
    if (nowMs - activeAtMs >= stallMs) stuckMs = 0;
    seenMs = nowMs;
    return nowMs;
  };
  const progress = (nowMs: number): void => {
    stuckMs = 0;
    progressAtMs = nowMs;
    activeAtMs = nowMs;
  };

  return {
    requestStarted() {
      activeAtMs = settle();
      ours++;
    },
    requestEnded() {
      settle();
      ours = Math.max(0, ours - 1);
    },
    chunk: () => progress(settle()),
    figures(figures) {
      const nowMs = settle();
      // A counter that begins anew has moved too: the engine was restarted behind our back.
      if (figures.iterations !== null) {
        if (iterations !== null && figures.iterations !== iterations) progress(nowMs);
        ({ iterations } = figures);
      }
      runningForOthers = figures.requestsRunning !== null && figures.requestsRunning > 0;
      if (runningForOthers) activeAtMs = nowMs;
      figuresAtMs = nowMs;
    },
    leaseHeld(kind) {
      const nowMs = settle();
      if (lease !== null && kind === null) {
        stuckMs = 0;
        activeAtMs = nowMs;
      }
      lease = kind;
    },
    isStalled() {
      const nowMs = settle();
      return lease === null && isBusy(nowMs) && stuckMs >= stallMs;
    },
    idleForMs() {
      const nowMs = settle();
      return lease !== null || isBusy(nowMs) ? 0 : nowMs - activeAtMs;
    },
    lastProgressMs: () => progressAtMs,
  };
}
