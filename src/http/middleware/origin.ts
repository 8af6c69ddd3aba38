// A browser says where a page came from: only exact origins (scheme, host and port) of the list or of this listener pass.
// No Origin header means no browser page; `null` and everything else is 403.
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';
import { ownHosts } from './host.ts';

export function isOriginAllowed(
  origin: string | undefined,
  own: readonly string[],
  allowed: ReadonlySet<string>,
): boolean {
  if (origin === undefined) return true;
  const wanted = origin.toLowerCase();
  return allowed.has(wanted) || own.some((host) => wanted === `http://${host}`);
}

export function originGuard(allowedOrigins: readonly string[]): MiddlewareHandler<HttpEnv> {
  const allowed = new Set(allowedOrigins.map((origin) => origin.toLowerCase().replace(/\/$/, '')));
  return async (c, next) => {
    const origin = headerOf(c, 'origin');
    if (origin === undefined || isOriginAllowed(origin, ownHosts(c.env.incoming?.socket), allowed)) return next();
    const error = new AppError('FORBIDDEN', 'Pages of this origin may not call mem-agent', {
      hint: 'Add the exact origin (scheme, host and port) to http.allowed_origins',
    });
    return c.req.path === '/mcp' ? jsonRpcErrorResponse(error, null) : problemResponse(error, c.get('requestId'));
  };
}
