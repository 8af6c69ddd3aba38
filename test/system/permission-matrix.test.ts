// Every cell of the permission matrix against a running service: each route, tool and method, asked by each kind of caller. Rows come
// from the route tables themselves; one that the specification does not know, or knows and is not there, fails.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createApiKeyText } from '../../src/auth/api-key.ts';
import { SCOPES } from '../../src/auth/principal.ts';
import { createAdminApp } from '../../src/http/admin/admin-app.ts';
import { openApiDocument } from '../../src/http/admin/openapi-document.ts';
import { createCancellations } from '../../src/http/mcp/cancellations.ts';
import { createMcpServerFactory } from '../../src/http/mcp/mcp-server.ts';
import { ALL_TOOLS } from '../../src/http/mcp/tool-table.ts';
import {
  ADMIN_ROUTES,
  CALLER_ADDRESS,
  CALLERS,
  METHODS,
  ROUTES,
  TOOLS,
  type Caller,
  type McpRow,
  type Outcome,
  type RouteRow,
} from '../fixtures/permission-matrix.ts';
import { directoryContent } from '../helpers/directory-content.ts';
import { modernCall, startHarness } from '../helpers/http-harness.ts';
import {
  HIDDEN_WORD,
  openPermissionWorld,
  type PermissionWorld,
  type WorldRequest,
} from '../helpers/permission-world.ts';
import { brokenPolicy, keyOf } from '../helpers/permission-keys.ts';

type Listener = keyof typeof ROUTES;

interface OpenApi {
  paths: Record<string, Record<string, { responses: Record<string, { content?: object }> }>>;
}
const STREAM = /event-stream|ndjson/;

let world: PermissionWorld;
const tokens = new Map<string, string | undefined>();
let cells = 0;

before(async () => {
  world = await openPermissionWorld();
  for (const caller of CALLERS) tokens.set(caller.name, await tokenOf(caller));
});
after(() => world[Symbol.asyncDispose]());

test('the specification names every route, every tool and every method, and no other', async () => {
  const listeners = { http: world.apps.http, ops: world.apps.ops, admin: world.apps.adminSocket };
  for (const [listener, app] of Object.entries(listeners)) {
    const served = new Set(app.routes.map(({ method, path }) => `${method} ${path}`));
    // What stands in front of routes, and the MCP endpoint, whose rows are its methods.
    for (const guard of ['ALL /*', 'ALL /admin/v1/*', 'ALL /mcp']) served.delete(guard);
    const known = new Set(
      Object.keys(ROUTES[listener as Listener]).map((row) => row.replace(' from this machine', '')),
    );
    assert.deepEqual([...known].toSorted(), [...served].toSorted(), listener);
  }
  const tools = Object.keys(TOOLS).filter((name) => !name.includes(' '));
  assert.deepEqual(tools.toSorted(), ALL_TOOLS.map(({ name }) => name).toSorted());
  await using harness = await startHarness();
  const ports = { ...harness.ports, callers: harness.apps.callers, cancellations: createCancellations() };
  const build = createMcpServerFactory(ports, { version: '0' });
  const handled = [...build('session', new Set())['_requestHandlers'].keys()];
  const methods = new Set(['tools/call', ...METHODS.map(({ method }) => method)]);
  assert.deepEqual(
    handled.filter((method) => !methods.has(method)),
    [],
  );
});

for (const listener of Object.keys(ROUTES) as Listener[]) {
  test(`routes of the listener ${listener}`, async () => {
    for (const [route, row] of Object.entries(ROUTES[listener])) {
      for (const caller of CALLERS.filter(({ shows }) => (shows === 'socket') === (listener === 'admin'))) {
        // The page's sign-in takes keys, and no text as long as a token.
        if (row.isKeyInBody === true && caller.shows.includes('token')) continue;
        const expected = listener === 'admin' ? 'in' : expectedOf(row, caller);
        const request = routeRequest(route, row, caller);
        await checkCell(`${listener} ${route} by ${caller.name}`, expected, caller, async () => {
          const before = world.admin.events.length;
          const response = await world.send(listener, request);
          await response.body?.cancel();
          if (isRefusal(response.status)) return String(response.status);
          const intents = world.admin.events.slice(before).filter((event) => event.startsWith('intent '));
          if (row.records !== undefined) assert.match(intents[0] ?? 'none', new RegExp(`^intent ${row.records} by `));
          return 'in';
        });
      }
    }
  });
}

test('tools and methods of MCP', async () => {
  const rows = [...Object.entries(TOOLS), ...METHODS.map((row) => [row.method, row] as const)];
  for (const [name, row] of rows) {
    world.plant();
    for (const caller of CALLERS) {
      if (row.access === 'memory:write') world.plant();
      const listener = caller.shows === 'socket' ? 'admin' : 'http';
      const request = mcpRequest(name, row, caller);
      await checkCell(`${name} by ${caller.name}`, expectedOf(row, caller), caller, async () =>
        outcomeOf(await world.send(listener, request), caller, row),
      );
    }
  }
});

test('what stays open ends with the key that opened it', { timeout: 60_000 }, async () => {
  const described = openApiDocument(createAdminApp(world.admin.ports), '0') as unknown as OpenApi;
  const streams = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { responses }]) => Object.keys(responses['200']?.content ?? {}).some((type) => STREAM.test(type)))
      .map(([method]) => `${method.toUpperCase()} /admin/v1${path}`),
  );
  const rows = Object.entries(ADMIN_ROUTES).filter(([, { stream }]) => stream !== undefined);
  assert.deepEqual(rows.map(([route]) => route).toSorted(), streams.toSorted(), 'the specification names every stream');

  const caller: Caller = { name: 'a key to be revoked', shows: 'key', kind: 'admin', scopes: SCOPES };
  const listen = METHODS.find(({ method }) => method === 'subscriptions/listen');
  assert.ok(listen);
  const requests = rows.flatMap(([route, { stream, query = '' }]): [Listener, WorldRequest][] => {
    const [method = '', path = ''] = route.split(' ');
    return stream === 'open' ? [['ops', { method, path: path + query }]] : [];
  });
  for (const [listener, request] of [...requests, ['http', mcpRequest('', listen, caller)] as const]) {
    const { id, key } = await keyOf(world, caller);
    const response = await world.send(listener, { ...request, headers: { ...request.headers, ...authorization(key) } });
    assert.equal(response.status, 200, request.path);
    await world.keys.revoke(id);
    // Where it does not end, this waits for ever; where it breaks off, it throws.
    await response.text();
  }
});

test('how many cells were asked', (context) => {
  context.diagnostic(`permission matrix: ${cells} cells`);
  assert.ok(cells > 1000, `${cells} cells`);
});

async function checkCell(cell: string, expected: Outcome, caller: Caller, ask: () => Promise<Outcome>): Promise<void> {
  const isRefused = expected === '401' || expected === '403';
  const before = isRefused ? traces() : '';
  const outcome = await ask();
  cells += 1;
  assert.equal(outcome, expected, cell);
  // A caller that is let in by its key and then refused a write may leave an intent; one that is refused leaves nothing.
  if (isRefused) assert.equal(traces(), before, `${cell} left something behind (${caller.name})`);
}

/** What an effect would leave: audit records, calls of the admin API's operations, keys. The notes are compared for writers. */
function traces(): string {
  const notes = directoryContent(world.directories.default);
  return JSON.stringify([world.audit.length, world.admin.events.length, world.admin.keys.size, notes]);
}

function expectedOf(row: RouteRow | McpRow, caller: Caller): Outcome {
  const passes: Outcome = ('let' in row ? row.let : undefined) ?? 'in';
  if (row.access === 'open') return passes;
  if (row.access === 'nobody') return '401';
  if (!['key', 'socket', 'token'].includes(caller.shows)) return '401';
  if (caller.policy?.cidrs?.includes('10.0.0.0/8') === true) return '403';
  if (row.access === 'any key') return passes;
  const needed = [row.access, ...('also' in row && row.also !== undefined ? [row.also] : [])];
  if (!needed.every((scope) => caller.scopes?.includes(scope))) return '403';
  return ('expect' in row ? row.expect?.[caller.like ?? caller.name] : undefined) ?? passes;
}

function routeRequest(route: string, row: RouteRow, caller: Caller): WorldRequest {
  const [method = '', pattern = ''] = route.split(' ');
  const path = pattern.replace(':id', 'k_1').replace('*', 'page.css');
  const token = tokens.get(caller.name);
  if (row.isKeyInBody === true) {
    const headers = { ...addressOf(row), 'sec-fetch-site': 'same-origin' };
    return { method, path, headers, body: { key: token ?? 'none' } };
  }
  // As the page itself would ask.
  const site: Record<string, string> = row.access === 'nobody' ? { 'sec-fetch-site': 'same-origin' } : {};
  return { method, path, headers: { ...addressOf(row), ...site, ...authorization(token) }, body: row.body };
}

function mcpRequest(name: string, row: McpRow, caller: Caller): WorldRequest {
  const params = row.method === 'tools/call' ? { ...row.params, name } : (row.params ?? {});
  const modern = modernCall(row.method, params);
  const legacy = { jsonrpc: '2.0', id: 1, method: row.method, params };
  const headers = row.isLegacy === true ? { 'mcp-protocol-version': '2025-06-18' } : modern.headers;
  return {
    method: 'POST',
    path: '/mcp',
    headers: { ...addressOf({}), ...headers, ...authorization(tokens.get(caller.name)) },
    body: row.isLegacy === true ? legacy : modern.body,
  };
}

async function outcomeOf(response: Response, caller: Caller, row: McpRow): Promise<Outcome> {
  if (isRefusal(response.status) || row.method === 'subscriptions/listen') {
    await response.body?.cancel();
    return isRefusal(response.status) ? String(response.status) : response.ok ? 'in' : `HTTP ${response.status}`;
  }
  const text = await response.text();
  if (caller.policy?.readPaths !== undefined) assert.doesNotMatch(text, new RegExp(HIDDEN_WORD), row.method);
  const data = text.startsWith('{') ? text : (/^data: (\{.*"jsonrpc".*\})$/m.exec(text)?.[1] ?? '{}');
  const answer = JSON.parse(data) as {
    result?: { isError?: boolean; _meta?: Record<string, { code: string }> };
    error?: { code: number };
  };
  if (answer.error !== undefined) return String(answer.error.code);
  if (answer.result === undefined) return `HTTP ${response.status}: ${text.slice(0, 100)}`;
  return answer.result.isError === true ? (answer.result._meta?.['mem-agent/error']?.code ?? 'no code') : 'in';
}

async function tokenOf(caller: Caller): Promise<string | undefined> {
  switch (caller.shows) {
    case 'nothing':
    case 'socket':
      return undefined;
    case 'nonsense':
      return 'mema_client_nonsense';
    case 'unknown':
      return createApiKeyText('client');
    case 'unusable':
      return brokenPolicy(world, await keyOf(world, caller));
    case 'token':
    case 'expired token':
    case 'token for another service':
    case 'token without a signature':
      return world.tokenOf(caller);
    default:
      return (await keyOf(world, caller)).key;
  }
}

function addressOf(row: Pick<RouteRow, 'isLoopback'>): Record<string, string> {
  return row.isLoopback === true ? {} : { 'x-forwarded-for': CALLER_ADDRESS };
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

function isRefusal(status: number): boolean {
  return status === 401 || status === 403;
}
