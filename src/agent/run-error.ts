// A run that failed still cost something: its error carries what was spent, so that usage stays honest.
import { AppError, toAppError } from '../lib/app-error.ts';
import type { AgentSpent } from './ports.ts';

export class RunError extends AppError {
  readonly spent: AgentSpent;

  constructor(error: AppError, spent: AgentSpent) {
    super(error.code, error.message, {
      ...(error.hint !== undefined && { hint: error.hint }),
      ...(error.retryAfterS !== undefined && { retryAfterS: error.retryAfterS }),
      cause: error.cause ?? error,
    });
    this.spent = spent;
  }
}

export function toRunError(error: unknown, spent: AgentSpent): RunError {
  return new RunError(toAppError(error), spent);
}
