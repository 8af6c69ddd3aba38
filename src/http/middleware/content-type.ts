// A body must say it is JSON: a form or text/plain body could be sent by any web page without a preflight.
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';

const METHODS_WITH_BODY = new Set(['POST', 'PUT', 'PATCH']);

export function isJsonMediaType(contentType: string | undefined): boolean {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  return essence === 'application/json' || (essence?.startsWith('application/') === true && essence.endsWith('+json'));
}

function hasBody(contentLength: string | undefined, transferEncoding: string | undefined): boolean {
  return transferEncoding !== undefined || (contentLength !== undefined && contentLength !== '0');
}

export function jsonContentType(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!METHODS_WITH_BODY.has(c.req.method) || isJsonMediaType(headerOf(c, 'content-type'))) return next();
    const isMcp = c.req.path === '/mcp';
    if (!isMcp && !hasBody(headerOf(c, 'content-length'), headerOf(c, 'transfer-encoding'))) return next();
    const error = new AppError('UNSUPPORTED_MEDIA_TYPE', 'The body must be JSON', {
      hint: 'Send Content-Type: application/json',
    });
    return isMcp ? jsonRpcErrorResponse(error, null, { code: -32000 }) : problemResponse(error, c.get('requestId'));
  };
}
