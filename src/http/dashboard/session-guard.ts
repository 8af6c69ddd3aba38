// Lets the operator's page use the admin API. Guarantees: a cookie alone opens nothing, every request needs the token of its
// session in a header too, and a request that another site's page caused is refused whatever it carries.
import type { MiddlewareHandler } from 'hono';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpContext, type HttpEnv } from '../env.ts';
import { authenticate, type AuthPorts } from '../middleware/authenticate.ts';
import { networkRefusal } from '../middleware/caller-network.ts';
import { requestRefusal } from '../middleware/rate-limit.ts';
import { readSessionCookie } from './session-cookie.ts';
import type { Sessions } from './sessions.ts';

export const CSRF_HEADER = 'x-csrf-token';
/** Sent by the page with what it asks for by itself, such as the live feed. */
const BACKGROUND_HEADER = 'x-background';

/** What comes without a session, or with a key of its own, needs the key. */
export function sessionOrKey(sessions: Sessions, ports: AuthPorts): MiddlewareHandler<HttpEnv> {
  const withKey = authenticate(ports);
  return async (c, next) => {
    const id = readSessionCookie(c);
    if (headerOf(c, 'authorization') !== undefined || id === undefined) return withKey(c, next);
    c.set('principal', requireSession(c, sessions));
    c.set('transport', 'http');
    const refusal = await requestRefusal(c, ports);
    if (refusal !== null) throw refusal;
    c.set('isSignedIn', () => sessions.find(id, false) !== undefined);
    return next();
  };
}

/** Throws UNAUTHENTICATED without a live session, FORBIDDEN with one and without its token. */
export function requireSession(c: HttpContext, sessions: Sessions): Principal {
  refuseOtherSites(c);
  const id = readSessionCookie(c);
  const session = id === undefined ? undefined : sessions.find(id, headerOf(c, BACKGROUND_HEADER) === undefined);
  if (session === undefined)
    throw new AppError('UNAUTHENTICATED', 'You are not signed in, or your session has ended', {
      hint: 'Sign in again with an admin key or with the link of: mem-agent dashboard',
    });
  const elsewhere = networkRefusal(session.principal, c.get('clientAddress'));
  if (elsewhere !== null) throw elsewhere;
  if (session.hasToken(headerOf(c, CSRF_HEADER))) return session.principal;
  throw new AppError('FORBIDDEN', `The header ${CSRF_HEADER} does not hold the token of this session`, {
    hint: 'Sign in again',
  });
}

/**
 * The page of this listener, and no other, may use a session or make one. Browsers send `Sec-Fetch-Site` with everything and
 * `Origin` with all but GET; a request without either is no browser's, and changes nothing.
 */
export function refuseOtherSites(c: HttpContext): void {
  const [site, origin] = [headerOf(c, 'sec-fetch-site'), headerOf(c, 'origin')];
  const isSafe = c.req.method === 'GET' || c.req.method === 'HEAD';
  const isNamed = site !== undefined || origin !== undefined;
  const isOwnSite = site === undefined || site === 'same-origin';
  const isOwnOrigin = origin === undefined || hostOf(origin) === headerOf(c, 'host')?.toLowerCase();
  if (isOwnSite && isOwnOrigin && (isSafe || isNamed)) return;
  throw new AppError('FORBIDDEN', 'Only the page of this listener may do this', {
    hint: 'Open the operator’s page at this address; programs send a key: "Authorization: Bearer mema_…"',
  });
}

function hostOf(origin: string): string | undefined {
  return URL.parse(origin)?.host;
}
