// Time through one door, so that tests can turn the hands: wall time for people, monotonic time for durations.

export interface Clock {
  /** Milliseconds since the Unix epoch; may jump. */
  nowMs(): number;
  /** Milliseconds that only grow; for durations, deadlines and "since when". */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
