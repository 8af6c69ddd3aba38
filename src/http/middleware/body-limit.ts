// No body larger than the limit is ever held: a declared length is refused unread, a chunked body is cut where it exceeds.
import { bodyLimit as honoBodyLimit } from 'hono/body-limit';
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpContext, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';

export function bodyLimit(maxBytes: number): MiddlewareHandler<HttpEnv> {
  const refuse = (c: HttpContext): Response => {
    const error = new AppError('TOO_LARGE', `The body is larger than ${maxBytes} bytes`, {
      hint: 'Send less, or raise http.max_body_bytes',
    });
    // The rest of the body is not read, so the connection can't be used again.
    const headers = { connection: 'close' };
    return c.req.path === '/mcp'
      ? jsonRpcErrorResponse(error, null, { headers })
      : problemResponse(error, c.get('requestId'), headers);
  };
  const chunked = honoBodyLimit({ maxSize: maxBytes, onError: (c) => refuse(c) });
  return async (c, next) => {
    if (headerOf(c, 'transfer-encoding') !== undefined) return chunked(c, next);
    const declared = headerOf(c, 'content-length');
    if (declared !== undefined && Number(declared) > maxBytes) return refuse(c);
    return next();
  };
}
