// The daemon's own state: starting -> ready -> draining -> stopped | failed, with the time of each step.
// Guarantees: a state never goes back, except from ready to itself.
import type { Clock } from '../lib/clock.ts';

export type DaemonStateName = 'starting' | 'ready' | 'draining' | 'stopped' | 'failed';

const ORDER: readonly DaemonStateName[] = ['starting', 'ready', 'draining', 'stopped', 'failed'];

export interface DaemonState {
  readonly current: DaemonStateName;
  readonly sinceIso: string;
  /** Moves forward; a step back is ignored and answered with false. */
  enter(state: DaemonStateName, reason?: string): boolean;
}

export function createDaemonState(
  clock: Clock,
  onChange: (state: DaemonStateName, reason: string | undefined) => void,
): DaemonState {
  let current: DaemonStateName = 'starting';
  let sinceIso = new Date(clock.nowMs()).toISOString();
  return {
    get current() {
      return current;
    },
    get sinceIso() {
      return sinceIso;
    },
    enter(state, reason) {
      if (ORDER.indexOf(state) <= ORDER.indexOf(current)) return false;
      current = state;
      sinceIso = new Date(clock.nowMs()).toISOString();
      onChange(state, reason);
      return true;
    },
  };
}
