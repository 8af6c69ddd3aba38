// Errors that are not the block's affair: they end the run and no Python code can catch them.
import { AppError, type ErrorCode } from '../../lib/app-error.ts';

const FATAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'AUDIT_UNAVAILABLE',
  'STORE_FAILED',
  'CANCELLED',
  'DRAINING',
  'DEADLINE_EXCEEDED',
]);

/** The refusal that a function may answer with; anything else is thrown on. */
export function asRefusal(error: unknown): AppError {
  if (error instanceof AppError && !FATAL.has(error.code)) return error;
  throw error;
}
