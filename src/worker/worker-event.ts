// What a supervisor tells as it happens; `daemon/` makes log lines, metrics and events of it.
import type { WorkerFailure, WorkerState } from './worker.ts';

export type WorkerEvent = { worker: string } &
  /** Not between `ready` and `busy`: that is what each question does. */
  (
    | { kind: 'state'; from: WorkerState; to: WorkerState; reason: string }
    /** It ended by itself, never became ready, or could not be started. */
    | { kind: 'crashed'; failure: WorkerFailure }
    /** It lives and does nothing. */
    | { kind: 'stalled'; failure: WorkerFailure }
    | { kind: 'restart'; delayMs: number; restarts: number; reason: string }
    | { kind: 'crash_loop'; trialMs: number; reason: string }
    /** Ready again after a failure, this long after it. */
    | { kind: 'recovered'; downMs: number }
    /** Ready; how long the start took. */
    | { kind: 'started'; durationMs: number }
    | { kind: 'canary'; ok: boolean; durationMs: number; detail: string }
    /** Processes of an earlier supervisor were found and ended. */
    | { kind: 'swept'; processes: number }
  );

/** One `Omit` a member, so that the union stays one. */
export type WorkerNews = WorkerEvent extends infer Event
  ? Event extends WorkerEvent
    ? Omit<Event, 'worker'>
    : never
  : never;
