// The one error type that may reach a user: a stable code, an HTTP status and a hint that names the fix.

/** Every stable code with the HTTP status it maps to. A code, once released, keeps its meaning. */
export const ERROR_STATUS = {
  CONFIG_INVALID: 500,
  STATE_LOCKED: 503,
  SCHEMA_TOO_NEW: 500,
  STORE_FAILED: 503,
  AUDIT_UNAVAILABLE: 503,
  AUDIT_CHAIN_BROKEN: 500,
  UNAUTHENTICATED: 401,
  IDENTITY_UNAVAILABLE: 503,
  FORBIDDEN: 403,
  INVALID_INPUT: 400,
  REQUEST_TIMEOUT: 408,
  HEADERS_TOO_LARGE: 431,
  TOO_MANY_CONNECTIONS: 503,
  TOO_LARGE: 413,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PATH_REFUSED: 400,
  NOT_A_FILE: 400,
  NOT_A_DIRECTORY: 400,
  NOT_TEXT: 422,
  UNSUPPORTED_MEDIA_TYPE: 415,
  PRECONDITION_FAILED: 412,
  PRECONDITION_REQUIRED: 428,
  IDEMPOTENCY_CONFLICT: 422,
  NO_MATCH: 409,
  NO_CHANGE: 409,
  VERSION_CONFLICT: 409,
  ALREADY_EXISTS: 409,
  PERMISSION_DENIED: 403,
  QUOTA_EXCEEDED: 507,
  DISK_FULL: 507,
  MEMORY_UNAVAILABLE: 503,
  MODEL_UNAVAILABLE: 503,
  MODEL_FAILED: 502,
  MODEL_PROTOCOL: 502,
  EMPTY_REPLY: 502,
  TURN_LIMIT: 504,
  TOKEN_LIMIT: 504,
  DEADLINE_EXCEEDED: 504,
  CANCELLED: 499,
  SANDBOX_UNAVAILABLE: 503,
  SANDBOX_FAILED: 500,
  CONSENT_REQUIRED: 403,
  BUDGET_EXCEEDED: 429,
  PRIVACY_REFUSED: 403,
  WORKER_FAILED: 503,
  QUEUE_FULL: 429,
  RATE_LIMITED: 429,
  DRAINING: 503,
  UNSUPPORTED: 501,
  INTERNAL: 500,
} as const;

export type ErrorCode = keyof typeof ERROR_STATUS;

/** For a code that crossed a boundary as text. */
export function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && Object.hasOwn(ERROR_STATUS, code);
}

export interface AppErrorOptions {
  /** What the reader can do about it. */
  hint?: string;
  cause?: unknown;
  /** When it may work again, for `Retry-After`. */
  retryAfterS?: number;
}

export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly status: number;
  readonly hint: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.status = ERROR_STATUS[code];
    this.hint = options.hint;
    this.retryAfterS = options.retryAfterS;
  }

  /** Message and hint as one line, for a terminal or a tool result. */
  get userMessage(): string {
    return this.hint === undefined ? this.message : `${this.message}. ${this.hint}`;
  }
}

/** Narrows anything thrown to an `AppError`; what is not one becomes `INTERNAL` with its text kept in `cause` only. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  return new AppError('INTERNAL', 'Something failed inside mem-agent', {
    hint: 'Look for the request id in the log',
    cause: error,
  });
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return undefined;
}
