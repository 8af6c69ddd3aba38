// The one map from AppError to what a client reads: an HTTP problem (RFC 9457) or a JSON-RPC error. Never a stack trace, never the
// text of an unknown error.
import { AppError, toAppError, type ErrorCode } from '../lib/app-error.ts';
import { incomingOf, type HttpContext } from './env.ts';

/** A problem as RFC 9457 has it, with our code, the fix, and the id to look for in the log. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  hint?: string;
  requestId: string;
}

export function problemBody(error: AppError, requestId: string): ProblemBody {
  const words = error.code.toLowerCase().replaceAll('_', ' ');
  return {
    type: `urn:mem-agent:problem:${words.replaceAll(' ', '-')}`,
    title: words.charAt(0).toUpperCase() + words.slice(1),
    status: error.status,
    detail: error.message,
    code: error.code,
    ...(error.hint !== undefined && { hint: error.hint }),
    requestId,
  };
}

/** When nobody knows better: as long as a restart or a full disk may take, in seconds. */
const USUAL_RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = { AUDIT_UNAVAILABLE: 5, DRAINING: 5, QUEUE_FULL: 5 };

function retryHeaders(error: AppError): Record<string, string> {
  const seconds = error.retryAfterS ?? USUAL_RETRY_AFTER_S[error.code];
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

export function problemResponse(error: AppError, requestId: string, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(problemBody(error, requestId)), {
    status: error.status,
    headers: { 'content-type': 'application/problem+json', ...retryHeaders(error), ...headers },
  });
}

export type JsonRpcId = string | number | null;

/** JSON-RPC numbers: -32700 and -32600 to -32603 as the base protocol means them, -32000 for what only we know. */
const JSON_RPC_CODES: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: -32602,
  NOT_FOUND: -32602,
  UNSUPPORTED: -32601,
  UNAUTHENTICATED: -32000,
  FORBIDDEN: -32000,
  TOO_LARGE: -32000,
  QUEUE_FULL: -32000,
  RATE_LIMITED: -32000,
  BUDGET_EXCEEDED: -32000,
};

export function jsonRpcCode(code: ErrorCode): number {
  return JSON_RPC_CODES[code] ?? -32603;
}

export function jsonRpcErrorResponse(
  error: AppError,
  id: JsonRpcId,
  options: { headers?: Record<string, string>; code?: number } = {},
): Response {
  const body = {
    jsonrpc: '2.0',
    error: {
      code: options.code ?? jsonRpcCode(error.code),
      message: error.userMessage,
      data: { code: error.code, ...(error.hint !== undefined && { hint: error.hint }) },
    },
    id,
  };
  return Response.json(body, { status: error.status, headers: { ...retryHeaders(error), ...options.headers } });
}

/** Hono's `onError`: logs what nobody foresaw, answers with the code and the request id. */
export function answerError(
  error: unknown,
  c: HttpContext,
  log: (appError: AppError, requestId: string) => void,
): Response {
  const appError = isGone(c) ? goneError(error) : toAppError(error);
  const requestId = c.get('requestId') ?? 'unknown';
  if (appError.status >= 500) log(appError, requestId);
  if (c.req.path === '/mcp') return jsonRpcErrorResponse(appError, null);
  return problemResponse(appError, requestId);
}

/** The client left, or was cut for being slow, before its body was whole: no failure of ours, whatever was thrown. */
function isGone(c: HttpContext): boolean {
  const incoming = incomingOf(c);
  return incoming !== undefined && incoming.destroyed && !incoming.complete;
}

function goneError(cause: unknown): AppError {
  return new AppError('CANCELLED', 'The client left before its request was complete', { hint: 'Send it again', cause });
}
