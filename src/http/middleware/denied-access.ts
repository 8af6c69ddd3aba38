// Tells of each request of a known caller that lacked the right to it, wherever on its way it was refused.
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { HttpEnv } from '../env.ts';
import type { HttpPorts } from '../ports.ts';

export function deniedAccess({ onAccessDenied }: Pick<HttpPorts, 'onAccessDenied'>): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    const principal: Principal | undefined = c.get('principal');
    if (c.res.status !== 403 || principal === undefined) return;
    // A file that the daemon itself may not write is no caller's wrong.
    if (c.error instanceof AppError && c.error.code !== 'FORBIDDEN') return;
    onAccessDenied({ principal, requestId: c.get('requestId'), asked: `${c.req.method} ${routePath(c, -1)}` });
  };
}
