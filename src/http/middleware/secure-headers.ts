// Headers that keep a browser from guessing, framing, caching or executing anything we answer.
import type { MiddlewareHandler } from 'hono';
import { setResponseHeader, type HttpEnv } from '../env.ts';

const HEADERS: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['content-security-policy', "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"],
  ['cache-control', 'no-store'],
];

export function secureHeaders(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    for (const [name, value] of HEADERS) setResponseHeader(c, name, value);
    await next();
  };
}
