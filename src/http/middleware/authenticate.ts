// Who calls: a bearer key, or on the admin socket the local principal. 401 names no OAuth metadata, because clients drop a
// configured key once they see any.
import type { MiddlewareHandler } from 'hono';
import { localPrincipal, type Principal, type Scope } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpContext, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';
import type { HttpPorts } from '../ports.ts';

export type AuthPorts = Pick<HttpPorts, 'verifyKey' | 'onAuthFailure'>;

/** The principal of the request's key, or the 401 to answer with. */
export function authenticateRequest(c: HttpContext, ports: AuthPorts): Principal | Response {
  const authorization = headerOf(c, 'authorization');
  const token = authorization === undefined ? undefined : /^bearer +([^\s,]+)$/i.exec(authorization)?.[1];
  if (token === undefined) {
    ports.onAuthFailure(c.get('clientAddress'), authorization === undefined ? 'missing' : 'malformed');
    return unauthorized(c, 'Bearer realm="mem-agent"');
  }
  const verdict = ports.verifyKey(token);
  if ('failure' in verdict) {
    ports.onAuthFailure(c.get('clientAddress'), verdict.failure);
    return unauthorized(c, 'Bearer realm="mem-agent", error="invalid_token"');
  }
  return verdict;
}

function unauthorized(c: HttpContext, challenge: string): Response {
  const error = new AppError('UNAUTHENTICATED', 'A valid API key is needed', {
    hint: 'Send "Authorization: Bearer mema_…"; make a key with: mem-agent keys create --name NAME --scopes agent,memory:read',
  });
  const headers = { 'www-authenticate': challenge };
  return c.req.path === '/mcp'
    ? jsonRpcErrorResponse(error, null, { headers })
    : problemResponse(error, c.get('requestId'), headers);
}

export function insufficientScope(c: HttpContext, scopes: readonly Scope[]): Response {
  const error = new AppError('FORBIDDEN', `This key lacks the scope ${scopes.join(' ')}`, {
    hint: `Use a key that has it: mem-agent keys create --name NAME --scopes ${scopes.join(',')}`,
  });
  return problemResponse(error, c.get('requestId'), { 'www-authenticate': scopeChallenge(scopes) });
}

export function scopeChallenge(scopes: readonly Scope[]): string {
  return `Bearer realm="mem-agent", error="insufficient_scope", scope="${scopes.join(' ')}"`;
}

/** Every request needs a key; `scopes` are all required. */
export function authenticate(ports: AuthPorts, scopes: readonly Scope[] = []): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const principal = authenticateRequest(c, ports);
    if (principal instanceof Response) return principal;
    if (!scopes.every((scope) => principal.scopes.has(scope))) return insufficientScope(c, scopes);
    c.set('principal', principal);
    c.set('transport', 'http');
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
