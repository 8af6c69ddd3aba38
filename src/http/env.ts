// What every route finds in its context: who calls, from where, under which id. Set by the middleware, in this order:
// request id, client address, principal.
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Principal } from '../auth/principal.ts';
import type { Allowance } from '../auth/rate-limits.ts';
import type { ProtectedResource } from './middleware/bearer-challenge.ts';
import type { CallTransport } from './ports.ts';

export interface HttpEnv {
  /** Empty when a test or the CLI calls the app in process. */
  Bindings: Partial<HttpBindings>;
  Variables: {
    requestId: string;
    /** The caller's address; `unix` on a Unix socket. */
    clientAddress: string;
    /** True when the connection comes from this machine and through no unknown proxy. */
    isLocal: boolean;
    principal: Principal;
    transport: CallTransport;
    /** Set where tokens of an identity provider are taken. */
    protectedResource: ProtectedResource | undefined;
    /** Where the caller stands in each of its limits that was looked at so far. */
    allowances: readonly Allowance[] | undefined;
    /** Asked of a caller that came with a session of the operator's page: is it still signed in? */
    isSignedIn: (() => boolean) | undefined;
    /** Set for an answer that ends by itself, or with the run that makes it. */
    followsItsCaller: boolean | undefined;
    /** Set for an answer that must break off rather than end early, because half of it would look like all. */
    isWholeOrNothing: boolean | undefined;
  };
}

export type HttpContext = Context<HttpEnv>;

/** Undefined when a test or the CLI calls the app in process: hono may then have no bindings at all. */
export function incomingOf(c: HttpContext): HttpBindings['incoming'] | undefined {
  const bindings: Partial<HttpBindings> | undefined = c.env;
  return bindings?.incoming;
}

/** A request header without building a Headers object; joined as Node joins it. */
export function headerOf(c: HttpContext, name: string): string | undefined {
  const incoming = incomingOf(c);
  if (incoming === undefined) return c.req.header(name);
  const value = incoming.headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}

/** Sets a response header whatever the handler returns, without copying its Response. */
export function setResponseHeader(c: HttpContext, name: string, value: string): void {
  const outgoing = c.env.outgoing;
  if (outgoing === undefined) c.header(name, value);
  else if (!outgoing.headersSent) outgoing.setHeader(name, value);
}
