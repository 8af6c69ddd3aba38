// Turns what a model server or the way to it did wrong into an error with a fix.
// Guarantee: the API key never shows, however the server quotes it, and texts from outside are short and on one line.
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { ServerError } from './chat-chunk.ts';
import { ModelError, parseRetryAfter } from './model-error.ts';

const LONGEST_REASON = 300;
/** No connection, so nothing has left. */
const NEVER_SENT =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT|EACCES|UND_ERR_CONNECT_TIMEOUT|CERT_.*|ERR_TLS_.*|DEPTH_ZERO_.*|SELF_SIGNED_.*|UNABLE_TO_.*)$/;

export interface FailureContext {
  server: string;
  apiKey: string | undefined;
}

export function httpFailure(
  status: number,
  error: ServerError,
  context: FailureContext,
  { retryAfter, costUsd }: { retryAfter?: string | undefined; costUsd?: number | undefined } = {},
): ModelError {
  const reason = clean(error.message, context);
  const said = `The model server ${context.server} answered ${status}${reason === '' ? '' : `: ${reason}`}`;
  if (status === 401 || status === 403) {
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Check model.api_key or model.api_key_file',
      costUsd,
    });
  }
  if (status === 402)
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Add credit, or choose another backend',
      costUsd,
    });
  if (status === 404) {
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Check model.name and that model.base_url ends in the API path, usually /v1',
      costUsd,
    });
  }
  if (/context length|context_length|too many tokens|maximum.{0,20}tokens/i.test(error.message)) {
    return new ModelError('request', 'MODEL_FAILED', said, {
      hint: "Set model.context_tokens to the server's own limit",
      costUsd,
    });
  }
  if (status === 408 || status === 429 || status >= 500) {
    const retryAfterS = parseRetryAfter(retryAfter, Date.now());
    const wait = retryAfterS === undefined ? 'in a moment' : `after ${retryAfterS} s`;
    return new ModelError(status === 429 ? 'busy' : 'backend', 'MODEL_UNAVAILABLE', said, {
      hint: `Try again ${wait}; the server's own log says more`,
      costUsd,
      ...(retryAfterS !== undefined && { retryAfterS }),
    });
  }
  return new ModelError('request', 'MODEL_FAILED', said, {
    hint: 'The server refused the request; its own log says more',
    costUsd,
  });
}

/** What undici threw; an AppError passes. */
export function connectionFailure(error: unknown, context: FailureContext): AppError {
  if (error instanceof AppError) return error;
  const code = deepCode(error) ?? 'unknown reason';
  return new ModelError(
    'backend',
    'MODEL_UNAVAILABLE',
    `The model server ${context.server} cannot be reached (${clean(code, context)})`,
    {
      hint: 'Check that it runs and that model.base_url is right',
      cause: error,
      ...(NEVER_SENT.test(code) && { costUsd: 0 }),
    },
  );
}

export function brokenOff(context: FailureContext, cause?: unknown): AppError {
  return new AppError('MODEL_UNAVAILABLE', `The model server ${context.server} broke off in the middle of its answer`, {
    hint: 'It may have crashed or run out of memory; its own log says more',
    cause,
  });
}

export function tooSlow(what: string, limitMs: number, context: FailureContext): AppError {
  return new AppError('MODEL_UNAVAILABLE', `The model server ${context.server} ${what} within ${limitMs} ms`, {
    hint: 'Look at its load, or raise model.request_timeout_ms',
  });
}

/** One line, short, without the key. */
export function clean(text: string, { apiKey }: FailureContext): string {
  const masked = apiKey === undefined || apiKey === '' ? text : text.replaceAll(apiKey, '***');
  return masked
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_REASON);
}

/** Errors of several addresses hide the code in a list, those of a client in `cause`. */
function deepCode(error: unknown): string | undefined {
  const own = systemErrorCode(error);
  if (own !== undefined) return own;
  if (error instanceof AggregateError) return deepCode(error.errors[0]);
  return error instanceof Error && error.cause !== undefined ? deepCode(error.cause) : undefined;
}
