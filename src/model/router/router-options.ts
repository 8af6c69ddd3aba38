// What the router is given: the routes in their order, how patient it is, and what it tells of its decisions.
import type { ErrorCode } from '../../lib/app-error.ts';
import type { ChatBackend } from '../chat-backend.ts';
import type { WorkerControl } from '../worker-control.ts';
import type { BreakerState } from './route-breaker.ts';

export interface ModelRoute {
  /** Its name is the route's; unique among the routes. */
  backend: ChatBackend;
  /** The lowest is asked first; equal numbers are replicas that share the load. */
  priority: number;
  /** The supervised process behind it, if there is one. */
  worker: WorkerControl | null;
  isPaid: boolean;
  trust: 'local' | 'cloud';
}

export interface RouterOptions {
  /** Failures in a row after which a route is left alone. */
  breakerFailures: number;
  /** For how long; with a worker a second at most, because its supervisor knows better. */
  breakerOpenMs: number;
  /** How long one turn waits in all for workers that load, wake or rest, when nobody else can answer. */
  waitForWorkerMs: number;
  /** The same, when `builtin` may answer instead. */
  builtinAfterMs: number;
  /** Ask a second replica when the first has sent nothing for this long; 0 is never. */
  hedgeMs: number;
  /** About how long before the one retry of a turn that nobody answered. */
  retryPauseMs: number;
  /** A run leaves its replica when that has so many more requests than the least loaded one. */
  stickyMargin: number;
}

export const defaultRouterOptions: RouterOptions = {
  breakerFailures: 3,
  breakerOpenMs: 10_000,
  waitForWorkerMs: 120_000,
  builtinAfterMs: 15_000,
  hedgeMs: 0,
  retryPauseMs: 250,
  stickyMargin: 4,
};

/** Why a route is not asked now; a closed list, fit for a metric's label. */
export type AwayReason = 'not_ready' | 'busy' | 'breaker_open';
/** Why another route than the first was asked. */
export type FallbackReason = AwayReason | 'unavailable' | 'failed' | 'protocol' | 'refused';

export type RouterEvent =
  /** A turn is asked elsewhere: `from` failed it, or could not be asked. */
  | { kind: 'failed-over'; from: string; to: string; reason: FallbackReason; detail: string }
  | { kind: 'breaker'; backend: string; state: BreakerState }
  /** `builtin` takes a run over from its question. */
  | { kind: 'builtin'; reason: FallbackReason; detail: string }
  /** A cloud route refused: consent, money, privacy or audit. Nothing has left the machine. */
  | { kind: 'refused'; backend: string; reason: ErrorCode }
  | { kind: 'hedged'; from: string; to: string };

export interface RouteStatus {
  name: string;
  priority: number;
  trust: 'local' | 'cloud';
  isPaid: boolean;
  state: 'ready' | 'asleep' | AwayReason;
  /** For a person. */
  reason: string;
  breaker: BreakerState;
  outstanding: number;
  /** Code and message of the last failure; null when the last request was answered. */
  lastError: string | null;
  /** Since when it is in this state, ISO 8601. */
  since: string;
}
