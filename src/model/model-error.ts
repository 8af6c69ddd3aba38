// A model's failure with whose fault it is, so that a router knows whether another backend may do better.
import { AppError } from '../lib/app-error.ts';
import type { AppErrorOptions, ErrorCode } from '../lib/app-error.ts';

/** `backend`: another may do better. `busy`: so may this one, a little later. `request`: it would fail anywhere. */
export type Blame = 'backend' | 'busy' | 'request';

export interface ModelErrorOptions extends AppErrorOptions {
  /** What it has cost all the same: 0 when the request never arrived or an error came instead of an answer. */
  costUsd?: number | undefined;
}

export class ModelError extends AppError {
  readonly blame: Blame;
  readonly costUsd: number | undefined;

  constructor(blame: Blame, code: ErrorCode, message: string, options: ModelErrorOptions = {}) {
    super(code, message, options);
    this.blame = blame;
    this.costUsd = options.costUsd;
  }
}

/** What a backend did not judge itself is taken for its own fault: asking elsewhere loses little. */
export function blameOf(error: AppError): Blame {
  return error instanceof ModelError ? error.blame : 'backend';
}

/** In US dollars; undefined when nobody knows. */
export function costOfFailure(error: unknown): number | undefined {
  return error instanceof ModelError ? error.costUsd : undefined;
}

/** Seconds from a `Retry-After` header: a number or a date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d{1,9}(?:\.\d+)?\s*$/.test(value)) return Math.ceil(Number(value));
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}
