// HEAD is answered as GET is, without the body. Guarantee: the body that nobody will read ends at once, and with it what it holds
// open: a lease, a timer, the reader of an export.
import type { MiddlewareHandler } from 'hono';
import type { HttpEnv } from '../env.ts';

export function headRequests(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    if (c.req.method === 'HEAD') await c.res.body?.cancel();
  };
}
