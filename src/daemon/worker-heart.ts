// The worker's supervisor as a heart of the watchdog: a step that has an end by its own options must come to it.
// Guarantees: how the model is plays no part (that is the supervisor's to judge, and no reason to end ours); nor does the
// wall clock, which may jump.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../lib/clock.ts';
import type { WorkerOptions } from '../worker/worker-options.ts';
import type { Worker, WorkerStatus } from '../worker/worker.ts';
import type { Heart } from './service-report.ts';

/** For what lies between the steps, on a machine that swaps. */
const MARGIN_MS = 120_000;
const LOOK_MS = 1000;

export function createWorkerHeart(
  worker: Pick<Worker, 'status'>,
  options: () => WorkerOptions,
  clock: Clock,
  lookMs = LOOK_MS,
): Heart {
  let seen = '';
  let seenSinceMs = 0;
  function isOverdue(): boolean {
    const { state, reason, sinceIso, restarts } = worker.status();
    const now = [state, reason, sinceIso, restarts].join('\n');
    if (now !== seen) {
      seen = now;
      seenSinceMs = clock.monotonicMs();
    }
    return clock.monotonicMs() - seenSinceMs > patienceMs(state, options());
  }
  return {
    name: 'the supervisor of the worker',
    async beat() {
      while (isOverdue()) await sleep(lookMs, undefined, { ref: false });
    },
  };
}

/** How long a state may last that is not one to stay in. */
function patienceMs(state: WorkerStatus['state'], options: WorkerOptions): number {
  const endMs = 2 * options.stopTimeoutMs + options.gpuWaitMs + MARGIN_MS;
  switch (state) {
    case 'starting':
    case 'draining':
    case 'stalled':
      return endMs;
    case 'loading':
      return options.loadTimeoutMs + endMs;
    case 'backoff':
    case 'crash_loop':
    case 'failed':
      return Math.max(options.backoffMaxMs, options.trialMs) + endMs;
    case 'ready':
    case 'busy':
    case 'stopped':
      return Infinity;
  }
}
