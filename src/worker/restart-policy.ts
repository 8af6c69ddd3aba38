// When a failed worker is started again: soon at first, then ever later, and after too many restarts only for single trials.
// Pure: it knows the time by its clock and chance by the function it was given.
import { createBackoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';

export interface RestartPolicyOptions {
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** -1: no limit. */
  restartBudget: number;
  restartWindowMs: number;
  trialMs: number;
  healthyResetMs: number;
}

export interface RestartDecision {
  kind: 'backoff' | 'crash_loop';
  delayMs: number;
}

export interface RestartPolicy {
  /** It failed: what now? Each answer counts as one restart. */
  failed(): RestartDecision;
  /** It became ready. */
  ready(): void;
  /** An operator's wish: everything before is forgiven. */
  clear(): void;
  /** All that were decided, for the metrics; `clear` does not forget them. */
  readonly restarts: number;
}

export function createRestartPolicy(
  options: RestartPolicyOptions,
  { clock, random }: { clock: Clock; random: () => number },
): RestartPolicy {
  const backoff = createBackoff({ firstMs: options.backoffFirstMs, maxMs: options.backoffMaxMs, random });
  let restartTimes: number[] = [];
  let isLooping = false;
  let readySinceMs: number | null = null;
  let restarts = 0;

  const clear = (): void => {
    backoff.reset();
    restartTimes = [];
    isLooping = false;
    readySinceMs = null;
  };

  return {
    get restarts() {
      return restarts;
    },
    clear,
    ready() {
      readySinceMs = clock.monotonicMs();
    },
    failed() {
      const nowMs = clock.monotonicMs();
      if (readySinceMs !== null && nowMs - readySinceMs >= options.healthyResetMs) clear();
      readySinceMs = null;
      restarts += 1;
      restartTimes = restartTimes.filter((atMs) => nowMs - atMs < options.restartWindowMs);
      const isSpent = options.restartBudget >= 0 && restartTimes.length >= options.restartBudget;
      // Trials themselves keep no loop going: only a worker that stays well ends it.
      isLooping ||= isSpent;
      if (isLooping) return { kind: 'crash_loop', delayMs: options.trialMs };
      if (options.restartBudget > 0) restartTimes.push(nowMs);
      return { kind: 'backoff', delayMs: backoff.nextMs() };
    },
  };
}
