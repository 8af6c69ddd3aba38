// One id a request, in the context, the log, the audit and the answer. A client's own id is not trusted: ids are evidence.
import { randomUUIDv7 } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { setResponseHeader, type HttpEnv } from '../env.ts';

export function requestId(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const id = randomUUIDv7();
    c.set('requestId', id);
    setResponseHeader(c, 'x-request-id', id);
    await next();
  };
}
