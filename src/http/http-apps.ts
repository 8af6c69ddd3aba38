// The route table: what each of the three listeners serves, and the guards in front, in order. Nothing is served that is not
// on this page (the admin API has its own table, mounted here).
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { AppError } from '../lib/app-error.ts';
import { createCallerWatch, type CallerWatch } from '../auth/caller-watch.ts';
import type { HttpEnv } from './env.ts';
import { createDashboardApp } from './dashboard/dashboard-app.ts';
import { sessionOrKey } from './dashboard/session-guard.ts';
import { createSessions } from './dashboard/sessions.ts';
import { addSignInLinkRoute } from './dashboard/sign-in-link-route.ts';
import { createSignInLinks } from './dashboard/sign-in-links.ts';
import { answerError, problemResponse } from './errors.ts';
import { fullHealth, publicHealth, readiness } from './health.ts';
import { createMcpEndpoint, type McpEndpoint, type McpEndpointOptions } from './mcp/mcp-endpoint.ts';
import { authenticate, authenticateLocal, localOrScope } from './middleware/authenticate.ts';
import { metadataBody, metadataPaths, type ProtectedResource } from './middleware/bearer-challenge.ts';
import { bodyLimit } from './middleware/body-limit.ts';
import { clientAddress, parseTrustedProxies } from './middleware/client-address.ts';
import { jsonContentType } from './middleware/content-type.ts';
import { endWithCaller } from './middleware/end-with-caller.ts';
import { deniedAccess } from './middleware/denied-access.ts';
import { headRequests } from './middleware/head-requests.ts';
import { hostGuard } from './middleware/host.ts';
import { methodNotAllowed } from './middleware/method-not-allowed.ts';
import { observe } from './middleware/observe.ts';
import { originGuard } from './middleware/origin.ts';
import { requestId } from './middleware/request-id.ts';
import { secureHeaders } from './middleware/secure-headers.ts';
import type { HttpPorts, ListenerName } from './ports.ts';

export interface HttpAppsOptions extends McpEndpointOptions {
  /** Exact Host values besides the listener's own names. */
  allowedHosts: readonly string[];
  allowedOrigins: readonly string[];
  /** CIDRs whose X-Forwarded-For counts. */
  trustedProxies: readonly string[];
  maxBodyBytes: number;
  /** Where tokens of an identity provider are taken. */
  protectedResource?: ProtectedResource | undefined;
}

export interface HttpApps {
  http: Hono<HttpEnv>;
  ops: Hono<HttpEnv>;
  adminSocket: Hono<HttpEnv>;
  mcp: McpEndpoint;
  /** Follows the callers of what stays open. */
  callers: CallerWatch;
}

const MCP_REQUEST_HEADERS = [
  'authorization',
  'content-type',
  'mcp-protocol-version',
  'mcp-method',
  'mcp-name',
  'mcp-session-id',
  'last-event-id',
];
const EXPOSED_HEADERS = [
  'mcp-session-id',
  'www-authenticate',
  'x-request-id',
  'retry-after',
  'ratelimit',
  'ratelimit-policy',
];
const WELCOME = (version: string): string =>
  `mem-agent ${version}\n\n/         in a browser: the operator's page (sign in with: mem-agent dashboard)\n/livez    the process runs\n/readyz   it takes requests\n/health   every component\n/metrics  for Prometheus\n/admin/v1 the admin API (key with admin:read or admin:write)\n`;

function whereToLook(listener: ListenerName, path: string): string {
  if (listener !== 'http' && path.startsWith('/admin/v1/')) return 'See /admin/v1/openapi.json';
  return listener === 'ops' ? 'See / for what is' : 'MCP is at /mcp';
}

/** `adminApp` checks the scopes of its own routes; here it only gets a caller. */
export function createHttpApps(ports: HttpPorts, options: HttpAppsOptions, adminApp?: Hono<HttpEnv>): HttpApps {
  const callers = createCallerWatch({ clock: ports.clock, principalOf: (id) => ports.principalOf(id) });
  const mcp = createMcpEndpoint(ports, callers, options);
  const isTrustedProxy = parseTrustedProxies(options.trustedProxies);

  const base = (listener: ListenerName): Hono<HttpEnv> => {
    const app = new Hono<HttpEnv>();
    app.use(async (c, next) => {
      c.set('protectedResource', options.protectedResource);
      await next();
    });
    app.use(requestId(), secureHeaders(), clientAddress(isTrustedProxy), observe(listener, ports), headRequests());
    if (listener !== 'admin') app.use(hostGuard(options.allowedHosts), originGuard(options.allowedOrigins));
    if (listener === 'http' && options.allowedOrigins.length > 0) {
      app.use(
        '/mcp',
        cors({
          origin: [...options.allowedOrigins],
          allowMethods: ['POST', 'GET', 'DELETE'],
          allowHeaders: MCP_REQUEST_HEADERS,
          exposeHeaders: EXPOSED_HEADERS,
        }),
      );
    }
    app.use(methodNotAllowed(app), jsonContentType(), bodyLimit(options.maxBodyBytes));
    app.onError((error, c) =>
      answerError(error, c, (appError, id) => ports.logger.error({ err: appError, requestId: id }, 'request failed')),
    );
    app.notFound((c) =>
      problemResponse(
        new AppError('NOT_FOUND', 'Nothing is served at this path', { hint: whereToLook(listener, c.req.path) }),
        c.get('requestId'),
      ),
    );
    return app;
  };

  // For MCP clients, directly or behind nginx. Without an identity provider `/.well-known/*` falls to the JSON 404: a client
  // that found anything there would drop its key.
  const http = base('http');
  http.all('/mcp', authenticate(ports), endWithCaller(callers), (c) => mcp.handle(c));
  http.get('/health', (c) => c.json(publicHealth(ports)));
  const { protectedResource } = options;
  if (protectedResource !== undefined)
    for (const path of metadataPaths(protectedResource)) http.get(path, (c) => c.json(metadataBody(protectedResource)));

  // For the operator, probes and Prometheus. Sessions of the operator's page count here and nowhere else.
  const sessions = createSessions(ports);
  const links = createSignInLinks(ports.clock);
  const ops = base('ops');
  ops.use(deniedAccess(ports));
  ops.route('/', createDashboardApp({ ports, sessions, links, welcome: WELCOME(options.version) }));
  ops.get('/livez', (c) => c.text('ok'));
  ops.get('/readyz', (c) => {
    const { status, body } = readiness(ports);
    return c.json(body, status);
  });
  ops.get('/health', localOrScope(ports, 'metrics'), (c) => c.json(fullHealth(ports)));
  ops.get('/metrics', localOrScope(ports, 'metrics'), async (c) =>
    c.text(await ports.metrics(), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }),
  );
  ops.use('/admin/v1/*', sessionOrKey(sessions, ports), endWithCaller(callers));

  // For the CLI and the stdio shim of the owner: the socket's permissions are the authority.
  const adminSocket = base('admin');
  adminSocket.use(authenticateLocal());
  adminSocket.all('/mcp', (c) => mcp.handle(c));
  adminSocket.get('/health', (c) => c.json(fullHealth(ports)));
  addSignInLinkRoute(adminSocket, { ports, links });
  if (adminApp !== undefined) {
    ops.route('/admin/v1', adminApp);
    adminSocket.route('/admin/v1', adminApp);
  }
  return { http, ops, adminSocket, mcp, callers };
}
