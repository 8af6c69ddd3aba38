// What a browser loads of the operator's page, and how it signs in and out. Guarantees: nothing from another origin is loaded
// or may frame it, a key is checked and forgotten, each sign-in and sign-out is in the audit before it counts.
import { Hono, type Context } from 'hono';
import { accepts } from 'hono/accepts';
import { z } from 'zod';
import { localPrincipal, type Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, setResponseHeader, type HttpContext, type HttpEnv } from '../env.ts';
import { insufficientScope, type AuthPorts } from '../middleware/authenticate.ts';
import { networkRefusal } from '../middleware/caller-network.ts';
import { authFailureRefusal } from '../middleware/rate-limit.ts';
import type { HttpPorts, KeyVerdict } from '../ports.ts';
import { readPageFiles, type PageFile } from './page-files.ts';
import { readSessionCookie, sessionCookie } from './session-cookie.ts';
import { refuseOtherSites, requireSession } from './session-guard.ts';
import type { Sessions } from './sessions.ts';
import type { SignInLinks } from './sign-in-links.ts';

export const PAGE_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "form-action 'self'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

export type DashboardPorts = Pick<HttpPorts, 'audit' | 'clock'> & AuthPorts;

export interface DashboardOptions {
  ports: DashboardPorts;
  sessions: Sessions;
  links: SignInLinks;
  /** For who asks for no HTML. */
  welcome: string;
}

const signIn = z.union([
  z.strictObject({ key: z.string().trim().min(1).max(200) }),
  z.strictObject({ link: z.string().min(1).max(200) }),
]);

export function createDashboardApp({ ports, sessions, links, welcome }: DashboardOptions): Hono<HttpEnv> {
  const app = new Hono<HttpEnv>();
  let files: ReadonlyMap<string, PageFile> | undefined;
  /** At the first look: most daemons run for weeks without one. */
  const fileAt = (name: string): PageFile | undefined => (files ??= readPageFiles()).get(name);

  app.get('/', (c) => {
    const wants = accepts(c, { header: 'Accept', supports: ['text/html', 'text/plain'], default: 'text/plain' });
    const page = wants === 'text/html' && headerOf(c, 'accept') !== '*/*' ? fileAt('index.html') : undefined;
    return page === undefined ? c.text(welcome) : fileResponse(c, page);
  });
  app.get('/assets/*', (c) => {
    const file = fileAt(c.req.path.slice('/assets/'.length));
    return file === undefined ? c.notFound() : fileResponse(c, file);
  });

  // It holds nothing that is not in the source; what it asks for needs a key or a session as everywhere.
  app.get('/admin/v1/reference', (c) => {
    const file = fileAt('reference.html');
    return file === undefined ? c.notFound() : fileResponse(c, file);
  });

  app.get('/session', (c) => c.json(publicPrincipal(requireSession(c, sessions)), 200));

  app.post('/session', async (c) => {
    refuseOtherSites(c);
    const principal = await principalFor(c, parseSignIn(await readJson(c)));
    c.set('principal', principal);
    if (!principal.scopes.has('admin:read')) return insufficientScope(c, ['admin:read']);
    await audit(c, principal, 'dashboard.sign-in');
    const { id, token } = sessions.open(principal);
    c.header('set-cookie', sessionCookie(c, id));
    return c.json({ ...publicPrincipal(principal), token }, 200);
  });

  app.delete('/session', async (c) => {
    const principal = requireSession(c, sessions);
    await audit(c, principal, 'dashboard.sign-out');
    sessions.close(readSessionCookie(c) ?? '');
    c.header('set-cookie', sessionCookie(c, null));
    return c.body(null, 204);
  });

  /** Throws UNAUTHENTICATED, or RATE_LIMITED for an address that has failed too often. */
  async function principalFor(c: HttpContext, given: z.infer<typeof signIn>): Promise<Principal> {
    const isLink = 'link' in given;
    const verdict = isLink ? linkVerdict(given.link) : ports.verifyKey(given.key);
    if (!('failure' in verdict)) {
      const elsewhere = networkRefusal(verdict, c.get('clientAddress'));
      if (elsewhere === null) return verdict;
      ports.onAuthFailure(c.get('clientAddress'), 'network');
      throw elsewhere;
    }
    const refusal = await authFailureRefusal(c, ports);
    if (refusal !== null) throw refusal;
    ports.onAuthFailure(c.get('clientAddress'), verdict.failure);
    throw isLink
      ? new AppError('UNAUTHENTICATED', 'This sign-in link was used before or is older than two minutes', {
          hint: 'Get a new one: mem-agent dashboard',
        })
      : new AppError('UNAUTHENTICATED', 'This is not an API key that is valid here', {
          hint: 'Paste an admin key as it was shown when it was made, or run: mem-agent dashboard',
        });
  }

  function linkVerdict(link: string): KeyVerdict {
    return links.take(link) ? localPrincipal : { failure: 'unknown' };
  }

  async function audit(c: HttpContext, principal: Principal, action: string): Promise<void> {
    const startedMs = ports.clock.monotonicMs();
    const call = await ports.audit.begin({
      requestId: c.get('requestId'),
      actor: { kind: principal.kind, id: principal.id },
      transport: 'http',
      action,
    });
    await call.finish({ outcome: 'ok', durationMs: ports.clock.monotonicMs() - startedMs });
  }
  return app;
}

function publicPrincipal({ id, name, scopes }: Principal): { id: string; name: string; scopes: string[] } {
  return { id, name, scopes: [...scopes] };
}

function parseSignIn(body: unknown): z.infer<typeof signIn> {
  const parsed = signIn.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new AppError('INVALID_INPUT', 'Send {"key": "mema_admin_…"} or {"link": "…"}', {
    hint: 'Get a link with: mem-agent dashboard',
  });
}

async function readJson(c: HttpContext): Promise<unknown> {
  try {
    return await c.req.json();
  } catch (error) {
    throw new AppError('INVALID_INPUT', 'The body is not valid JSON', {
      hint: 'Send {"key": "mema_admin_…"}',
      cause: error,
    });
  }
}

function fileResponse(c: Context<HttpEnv>, file: PageFile): Response {
  setResponseHeader(c, 'content-security-policy', PAGE_CSP);
  return c.body(file.body, 200, { 'content-type': file.mediaType });
}
