// The one state of a worker, why, and since when.
// Guarantee: only the transitions below happen; any other is a defect and throws.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { WorkerState } from './worker.ts';

const NEXT: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  // `loading` without a start is waking up; a server that is only watched is never started either.
  stopped: ['starting', 'loading', 'failed'],
  starting: ['loading', 'backoff', 'crash_loop', 'failed', 'stopped'],
  loading: ['ready', 'stalled', 'backoff', 'crash_loop', 'failed', 'draining', 'stopped'],
  ready: ['busy', 'stalled', 'backoff', 'crash_loop', 'draining', 'stopped'],
  busy: ['ready', 'stalled', 'backoff', 'crash_loop', 'draining', 'stopped'],
  // `ready` again by itself: only one that is watched.
  stalled: ['backoff', 'crash_loop', 'ready', 'starting', 'stopped', 'failed'],
  draining: ['stopped', 'starting', 'failed'],
  backoff: ['starting', 'stopped'],
  crash_loop: ['starting', 'stopped'],
  failed: ['starting', 'stopped'],
};

export interface StateMachine {
  readonly state: WorkerState;
  readonly reason: string;
  readonly sinceMs: number;
  /** The same state again only changes the reason. */
  enter(state: WorkerState, reason: string): void;
}

export function createStateMachine(
  clock: Clock,
  onChange: (from: WorkerState, to: WorkerState, reason: string) => void,
): StateMachine {
  let current: { state: WorkerState; reason: string; sinceMs: number } = {
    state: 'stopped',
    reason: 'not started yet',
    sinceMs: clock.nowMs(),
  };
  return {
    get state() {
      return current.state;
    },
    get reason() {
      return current.reason;
    },
    get sinceMs() {
      return current.sinceMs;
    },
    enter(state, reason) {
      const from = current.state;
      if (state === from) {
        current = { ...current, reason };
        return;
      }
      if (!NEXT[from].includes(state)) throw new AppError('INTERNAL', `A worker can't go from ${from} to ${state}`);
      current = { state, reason, sinceMs: clock.nowMs() };
      onChange(from, state, reason);
    },
  };
}
