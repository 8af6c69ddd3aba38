// The questions in flight, for an operator: who asked, since when, how far it is. Guarantee: never what was asked.
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { AgentRequest } from './ports.ts';

export interface RunInfo {
  /** The request's id: in the answer's headers, the log and the audit. */
  readonly id: string;
  /** Of the principal that asked. */
  readonly keyId: string;
  readonly root: string;
  /** `queued` until it has a place of its own, also while somebody else's run may answer it. */
  readonly state: 'queued' | 'running';
  readonly queuedAtMs: number;
  readonly startedAtMs: number | null;
  readonly turns: number;
  /** Who answered last; null before the first answer. */
  readonly backend: string | null;
}

export interface TrackedRun extends Disposable {
  /** Aborted when an operator ends the run. */
  readonly signal: AbortSignal;
  started(): void;
  turn(backend: string): void;
}

interface Entry {
  info: RunInfo;
  controller: AbortController;
}

export class RunRegistry {
  readonly #entries = new Set<Entry>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first. */
  list(): readonly RunInfo[] {
    return [...this.#entries].map(({ info }) => info);
  }

  /** False when there is no such run any more. */
  cancel(id: string): boolean {
    const found = [...this.#entries].filter(({ info }) => info.id === id);
    for (const { controller } of found) {
      controller.abort(
        new AppError('CANCELLED', 'An operator ended this question', { hint: 'Ask again, or ask the operator why' }),
      );
    }
    return found.length > 0;
  }

  track({ requestId, principal }: Pick<AgentRequest, 'requestId' | 'principal'>): TrackedRun {
    const entry: Entry = {
      info: {
        id: requestId,
        keyId: principal.id,
        root: principal.root,
        state: 'queued',
        queuedAtMs: this.#clock.nowMs(),
        startedAtMs: null,
        turns: 0,
        backend: null,
      },
      controller: new AbortController(),
    };
    this.#entries.add(entry);
    return {
      signal: entry.controller.signal,
      started: () => {
        entry.info = { ...entry.info, state: 'running', startedAtMs: this.#clock.nowMs() };
      },
      turn: (backend) => {
        entry.info = { ...entry.info, turns: entry.info.turns + 1, backend };
      },
      [Symbol.dispose]: () => void this.#entries.delete(entry),
    };
  }
}
