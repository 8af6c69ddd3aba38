// Counts every request by route pattern, method and status, and asks clients to reconnect while the daemon drains.
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { setResponseHeader, type HttpEnv } from '../env.ts';
import type { HttpPorts, ListenerName } from '../ports.ts';

export function observe(
  listener: ListenerName,
  ports: Pick<HttpPorts, 'onRequest' | 'isDraining' | 'clock'>,
): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const startedMs = ports.clock.monotonicMs();
    if (ports.isDraining()) setResponseHeader(c, 'connection', 'close');
    await next();
    const pattern = routePath(c, -1);
    ports.onRequest({
      listener,
      route: pattern === '*' || pattern === '/*' ? 'other' : pattern,
      method: c.req.method,
      status: c.res.status,
      durationMs: ports.clock.monotonicMs() - startedMs,
    });
  };
}
