// Who calls: a bearer key, a token of the identity provider where one is configured, or on the admin socket the local
// principal.
import type { MiddlewareHandler } from 'hono';
import { localPrincipal, type Principal, type Scope } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpContext, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';
import type { HttpPorts, KeyVerdict } from '../ports.ts';
import { isApiKey, scopeChallenge, tokenChallenge } from './bearer-challenge.ts';
import { networkRefusal } from './caller-network.ts';
import { authFailureRefusal, requestRefusal, type RateLimitPorts } from './rate-limit.ts';

export type AuthPorts = Pick<HttpPorts, 'verifyKey' | 'verifyJwt' | 'onAuthFailure'> & RateLimitPorts;

/** The principal of the request's key, or the refusal to answer with: 401, or 403 for a good key in a wrong network. */
export async function authenticateRequest(c: HttpContext, ports: AuthPorts): Promise<Principal | Response> {
  const authorization = headerOf(c, 'authorization');
  if (authorization === undefined) {
    ports.onAuthFailure(c.get('clientAddress'), 'missing');
    return unauthorized(c, undefined);
  }
  const token = /^bearer +([^\s,]+)$/i.exec(authorization)?.[1];
  const verdict = await verify(token, ports);
  if (!('failure' in verdict)) {
    const elsewhere = networkRefusal(verdict, c.get('clientAddress'));
    if (elsewhere === null) return verdict;
    ports.onAuthFailure(c.get('clientAddress'), 'network');
    return refuse(c, elsewhere);
  }
  // Only whoever shows a wrong key is slowed down: a good key from the same address goes on, and so does a client that
  // asks without one to learn what it needs.
  const refusal = await authFailureRefusal(c, ports);
  if (refusal !== null) return refuse(c, refusal);
  ports.onAuthFailure(c.get('clientAddress'), verdict.failure);
  return unauthorized(c, token ?? '');
}

async function verify(token: string | undefined, { verifyKey, verifyJwt }: AuthPorts): Promise<KeyVerdict> {
  if (token === undefined) return { failure: 'malformed' };
  return verifyJwt === undefined || isApiKey(token) ? verifyKey(token) : await verifyJwt(token);
}

function unauthorized(c: HttpContext, token: string | undefined): Response {
  const error = new AppError('UNAUTHENTICATED', 'A valid API key is needed', {
    hint: 'Send "Authorization: Bearer mema_…"; make a key with: mem-agent keys create --name NAME --scopes agent,memory:read',
  });
  return refuse(c, error, { 'www-authenticate': tokenChallenge(c, token) });
}

/** Before the message is read: MCP clients get a JSON-RPC error without an id, others a problem. */
function refuse(c: HttpContext, error: AppError, headers: Record<string, string> = {}): Response {
  return c.req.path === '/mcp'
    ? jsonRpcErrorResponse(error, null, { headers })
    : problemResponse(error, c.get('requestId'), headers);
}

export function insufficientScope(c: HttpContext, scopes: readonly Scope[]): Response {
  const error = new AppError('FORBIDDEN', `This key lacks the scope ${scopes.join(' ')}`, {
    hint: `Use a key that has it: mem-agent keys create --name NAME --scopes ${scopes.join(',')}`,
  });
  return problemResponse(error, c.get('requestId'), { 'www-authenticate': scopeChallenge(c, scopes) });
}

/** Every request needs a key; `scopes` are all required. */
export function authenticate(ports: AuthPorts, scopes: readonly Scope[] = []): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const principal = await authenticateRequest(c, ports);
    if (principal instanceof Response) return principal;
    c.set('principal', principal);
    c.set('transport', 'http');
    const refusal = await requestRefusal(c, ports);
    if (refusal !== null) return refuse(c, refusal);
    if (!scopes.every((scope) => principal.scopes.has(scope))) return insufficientScope(c, scopes);
    return next();
  };
}

/** For what a person on this machine may read without a key: loopback passes, everybody else needs the scope. */
export function localOrScope(ports: AuthPorts, scope: Scope): MiddlewareHandler<HttpEnv> {
  const withKey = authenticate(ports, [scope]);
  return (c, next) => (c.get('isLocal') ? next().then(() => undefined) : withKey(c, next));
}

/** The admin socket: whoever may open the file is the owner. The stdio shim says so, for the audit. */
export function authenticateLocal(): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    c.set('principal', localPrincipal);
    c.set('transport', headerOf(c, 'mem-agent-transport') === 'stdio' ? 'stdio' : 'socket');
    await next();
  };
}
