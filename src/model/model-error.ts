// A model's failure with whose fault it is, so that a router knows whether another backend may do better.
import { AppError } from '../lib/app-error.ts';
import type { AppErrorOptions, ErrorCode } from '../lib/app-error.ts';

/** `backend`: another may do better. `busy`: so may this one, a little later. `request`: it would fail anywhere. */
export type Blame = 'backend' | 'busy' | 'request';

export interface ModelErrorOptions extends AppErrorOptions {
  /** Nothing was generated, so nothing is charged: the request never arrived, or an error came instead of an answer. */
  isUncharged?: boolean;
}

export class ModelError extends AppError {
  readonly blame: Blame;
  readonly isUncharged: boolean;

  constructor(blame: Blame, code: ErrorCode, message: string, options: ModelErrorOptions = {}) {
    super(code, message, options);
    this.blame = blame;
    this.isUncharged = options.isUncharged ?? false;
  }
}

/** What a backend did not judge itself is taken for its own fault: asking elsewhere loses little. */
export function blameOf(error: AppError): Blame {
  return error instanceof ModelError ? error.blame : 'backend';
}

/** False also when nobody knows. */
export function isUncharged(error: unknown): boolean {
  return error instanceof ModelError && error.isUncharged;
}

/** Seconds from a `Retry-After` header: a number or a date; undefined when it is neither. */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\s*\d{1,9}(?:\.\d+)?\s*$/.test(value)) return Math.ceil(Number(value));
  const atMs = Date.parse(value);
  return Number.isNaN(atMs) ? undefined : Math.max(0, Math.ceil((atMs - nowMs) / 1000));
}
