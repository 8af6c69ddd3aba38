// Sessions of the operator's page by plain HTTP, where any header can be sent: the cookie alone opens nothing, other sites get
// nothing, a key that ends takes its session along, a link works once, and no session counts on the listener for clients.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Hono } from 'hono';
import { localPrincipal, type Principal } from '../../../src/auth/principal.ts';
import { PAGE_CSP } from '../../../src/http/dashboard/dashboard-app.ts';
import { createSessions, SESSION_IDLE_MS, SESSION_LONGEST_MS } from '../../../src/http/dashboard/sessions.ts';
import { createSignInLinks, LINK_LIFETIME_MS } from '../../../src/http/dashboard/sign-in-links.ts';
import type { HttpEnv } from '../../../src/http/env.ts';
import { createHttpApps } from '../../../src/http/http-apps.ts';
import { openListener } from '../../../src/http/listeners.ts';
import { startHarness, type Harness } from '../../helpers/http-harness.ts';
import { pageRequest, type PageAnswer } from '../../helpers/page-request.ts';

interface Ops extends AsyncDisposable {
  harness: Harness;
  url: string;
  key: string;
  /** Ends the key. */
  revoke(): void;
  /** As the page sends it: same origin. */
  signIn(body: unknown, headers?: Record<string, string>): Promise<PageAnswer>;
  link(): Promise<string>;
}

async function openOps(options: { authFailuresPerMinute?: number } = {}): Promise<Ops> {
  await using stack = new AsyncDisposableStack();
  const harness = stack.use(await startHarness(options));
  const revoked = new Set<string>();
  const { ports } = harness;
  const known = (id: string): Principal | undefined => (id === 'local' ? localPrincipal : ports.principalOf(id));
  const admin = new Hono<HttpEnv>();
  admin.get('/ticks', () => new Response(ticks(), { headers: { 'content-type': 'text/event-stream' } }));
  admin.get('/silent', () => new Response(silence(), { headers: { 'content-type': 'application/x-ndjson' } }));
  admin.all('/whoami', (c) => c.json({ id: c.get('principal').id, transport: c.get('transport') }));
  const apps = createHttpApps(
    { ...ports, principalOf: (id) => (revoked.has(id) ? undefined : known(id)) },
    {
      version: 'x',
      allowedHosts: ['ops.example'],
      allowedOrigins: ['https://ops.example'],
      trustedProxies: [],
      maxBodyBytes: 65_536,
    },
    admin,
  );
  const ops = stack.use(
    await openListener(apps.ops, { address: { kind: 'tcp', host: '127.0.0.1', port: 0 }, key: 'ops.listen' }),
  );
  const key = harness.keyOf('admin:read', 'admin:write');
  const owned = stack.move();
  const socket = join(harness.directory, '..', 'admin.sock');
  owned.use(await openListener(apps.adminSocket, { address: { kind: 'unix', path: socket }, key: 'admin.socket' }));
  return {
    harness,
    url: ops.url,
    key,
    revoke: () => void revoked.add('k_admin:read_admin:write'),
    signIn: (body, headers) =>
      pageRequest(`${ops.url}/session`, { method: 'POST', body, headers: { origin: ops.url, ...headers } }),
    link: async () => {
      const made = await pageRequest('http://localhost/admin/v1/dashboard/links', {
        method: 'POST',
        socketPath: socket,
      });
      return tokenOf(made);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A live feed, ten times as fast. */
function ticks(): ReadableStream<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(Buffer.from('data: 1\n\n')), 100);
    },
    cancel: () => clearInterval(timer),
  });
}

/** A log that nothing is written to any more. */
function silence(): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{}\n')) });
}

const tokenOf = ({ text }: PageAnswer): string => (JSON.parse(text) as { token: string }).token;

test('the page comes with an exact policy, programs get the text, and its files have their types', async () => {
  await using ops = await openOps();
  const page = await pageRequest(ops.url, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });
  assert.match(page.text, /^<!doctype html>/);
  assert.equal(
    page.headers['content-security-policy'],
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
      "frame-ancestors 'none'; form-action 'self'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  );
  assert.equal(page.headers['content-security-policy'], PAGE_CSP);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.equal(page.headers['referrer-policy'], 'no-referrer');
  assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
  assert.equal(page.headers['cross-origin-resource-policy'], 'same-origin');
  for (const headers of [{}, { accept: '*/*' }, { accept: 'text/plain' }] as Record<string, string>[])
    assert.match((await pageRequest(ops.url, { headers })).text, /^mem-agent x\n/);

  assert.match((await pageRequest(`${ops.url}/assets/main.mjs`)).headers['content-type'] ?? '', /^text\/javascript/);
  assert.match((await pageRequest(`${ops.url}/assets/uplot.mjs`)).text, /uPlot/);
  for (const name of ['tsconfig.json', 'uplot.d.mts', '../sessions.ts', '%2e%2e/sessions.ts', 'views', ''])
    assert.equal((await pageRequest(`${ops.url}/assets/${name}`)).status, 404, name);
});

test('a session needs its cookie, its token and its own page', async () => {
  await using ops = await openOps();
  const signedIn = await ops.signIn({ key: ops.key });
  assert.equal(signedIn.status, 200);
  const [, port] = ops.url.split('127.0.0.1:');
  assert.match(
    signedIn.headers['set-cookie']?.[0] ?? '',
    new RegExp(`^mem-agent-session-${port}=[\\w-]{43}; Path=/; HttpOnly; SameSite=Strict$`),
  );
  const { cookie } = signedIn;
  const token = tokenOf(signedIn);
  const ask = (method: string, headers: Record<string, string>): Promise<PageAnswer> =>
    pageRequest(`${ops.url}/admin/v1/whoami`, { method, headers });

  const good = { cookie, 'x-csrf-token': token };
  assert.deepEqual(JSON.parse((await ask('GET', good)).text), { id: 'k_admin:read_admin:write', transport: 'http' });
  assert.equal((await ask('POST', { ...good, origin: ops.url })).status, 200);
  assert.equal((await ask('POST', { ...good, 'sec-fetch-site': 'same-origin' })).status, 200);

  assert.equal((await ask('GET', { cookie })).status, 403, 'the cookie alone');
  assert.equal((await ask('GET', { 'x-csrf-token': token })).status, 401, 'the token alone');
  assert.equal((await ask('GET', { ...good, 'x-csrf-token': `${token}x` })).status, 403, 'a wrong token');
  assert.equal((await ask('POST', good)).status, 403, 'a change that names no origin');
  for (const site of ['cross-site', 'same-site', 'none'])
    assert.equal((await ask('GET', { ...good, 'sec-fetch-site': site })).status, 403, site);
  for (const origin of ['http://evil.example', 'null', 'http://127.0.0.1:1', 'https://ops.example'])
    assert.equal((await ask('POST', { ...good, origin })).status, 403, origin);
  assert.equal((await ask('GET', { cookie: cookie.replace(/.$/, '_'), 'x-csrf-token': token })).status, 401);

  const signedOut = await pageRequest(`${ops.url}/session`, {
    method: 'DELETE',
    headers: { ...good, origin: ops.url },
  });
  assert.equal(signedOut.status, 204);
  assert.match(signedOut.headers['set-cookie']?.[0] ?? '', /=; .*Max-Age=0$/);
  assert.equal((await ask('GET', good)).status, 401);
  assert.deepEqual(
    ops.harness.audit.map(({ intent }) => [intent.action, intent.actor.id]),
    [
      ['dashboard.sign-in', 'k_admin:read_admin:write'],
      ['dashboard.sign-out', 'k_admin:read_admin:write'],
    ],
  );
});

test('behind a proxy with TLS the cookie is a __Host- cookie, and only its own name may use it', async () => {
  await using ops = await openOps();
  const proxied = { host: 'ops.example', origin: 'https://ops.example' };
  const signedIn = await ops.signIn({ key: ops.key }, proxied);
  assert.match(
    signedIn.headers['set-cookie']?.[0] ?? '',
    /^__Host-mem-agent-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
  );
  const headers = { ...proxied, cookie: signedIn.cookie, 'x-csrf-token': tokenOf(signedIn) };
  assert.equal((await pageRequest(`${ops.url}/admin/v1/whoami`, { method: 'POST', headers })).status, 200);
  const { host: _host, ...direct } = proxied;
  assert.equal((await ops.signIn({ key: ops.key }, direct)).status, 403, 'an allowed origin is not the page itself');
});

test('a key that has ended takes its session along, and its scope is asked for', async () => {
  await using ops = await openOps();
  const signedIn = await ops.signIn({ key: ops.key });
  const headers = { cookie: signedIn.cookie, 'x-csrf-token': tokenOf(signedIn) };
  assert.equal((await pageRequest(`${ops.url}/admin/v1/whoami`, { headers })).status, 200);
  ops.revoke();
  assert.equal((await pageRequest(`${ops.url}/admin/v1/whoami`, { headers })).status, 401);

  const client = await ops.signIn({ key: ops.harness.keyOf('agent', 'memory:read') });
  assert.equal(client.status, 403);
  assert.equal(client.cookie, '');
});

test('a live feed ends with the session that opened it', { timeout: 10_000 }, async () => {
  await using ops = await openOps();
  const signedIn = await ops.signIn({ key: ops.key });
  const headers = { cookie: signedIn.cookie, 'x-csrf-token': tokenOf(signedIn) };
  const feed = pageRequest(`${ops.url}/admin/v1/ticks`, { headers });
  await sleep(350);
  ops.revoke();
  const { status, text } = await feed;
  assert.equal(status, 200);
  assert.match(text, /^(data: 1\n\n)+$/);
});

test('a stream that says nothing ends with the session as well', { timeout: 10_000 }, async () => {
  await using ops = await openOps();
  const signedIn = await ops.signIn({ key: ops.key });
  const headers = { cookie: signedIn.cookie, 'x-csrf-token': tokenOf(signedIn), origin: ops.url };
  const response = await fetch(`${ops.url}/admin/v1/silent`, { headers });
  assert.equal(response.status, 200);
  assert.equal((await pageRequest(`${ops.url}/session`, { method: 'DELETE', headers })).status, 204);
  assert.equal(await response.text(), '{}\n');
});

test('wrong keys are counted, and an address that goes on is refused', async () => {
  await using ops = await openOps({ authFailuresPerMinute: 3 });
  const answers: number[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) answers.push((await ops.signIn({ key: 'mema_admin_wrong' })).status);
  assert.deepEqual(answers, [401, 401, 401, 429, 429]);
  assert.equal(ops.harness.failures.length, 3);
  assert.equal((await ops.signIn({ key: ops.key })).status, 200, 'a good key goes on');
  assert.equal((await ops.signIn({})).status, 400);
  assert.equal((await ops.signIn({ key: ops.key }, { origin: 'http://evil.example' })).status, 403);
  assert.equal(
    (await pageRequest(`${ops.url}/session`, { method: 'POST', body: { key: ops.key } })).status,
    403,
    'no browser',
  );
});

test('a link signs in once', async () => {
  await using ops = await openOps();
  const link = await ops.link();
  assert.match(link, /^[\w-]{43}$/);
  const first = await ops.signIn({ link });
  assert.equal(first.status, 200);
  assert.equal((JSON.parse(first.text) as { id: string }).id, 'local');
  const again = await ops.signIn({ link });
  assert.equal(again.status, 401);
  assert.match(again.text, /mem-agent dashboard/);
  const byKey = { authorization: `Bearer ${ops.key}`, origin: ops.url };
  const overHttp = await pageRequest(`${ops.url}/admin/v1/dashboard/links`, { method: 'POST', headers: byKey });
  assert.equal(overHttp.status, 404, 'links are made on the admin socket alone');
});

test('sessions do not exist on the listener for clients', async () => {
  await using ops = await openOps();
  const signedIn = await ops.signIn({ key: ops.key });
  const headers = { cookie: signedIn.cookie, 'x-csrf-token': tokenOf(signedIn) };
  const { url } = ops.harness.http;
  const mcp = await pageRequest(`${url}/mcp`, { method: 'POST', body: {}, headers });
  assert.equal(mcp.status, 401);
  for (const path of ['/', '/session', '/assets/main.mjs', '/admin/v1/whoami'])
    assert.equal((await pageRequest(`${url}${path}`, { headers })).status, 404, path);
});

test('sessions and links end by the clock; what a page does by itself is no use', () => {
  let timeMs = 0;
  const clock = { nowMs: () => timeMs, monotonicMs: () => timeMs };
  const sessions = createSessions({ clock, principalOf: () => localPrincipal });
  const { id } = sessions.open(localPrincipal);
  timeMs += SESSION_IDLE_MS - 1;
  assert.ok(sessions.find(id, true));
  timeMs += SESSION_IDLE_MS - 1;
  assert.ok(sessions.find(id, false));
  timeMs += 2;
  assert.equal(sessions.find(id, true), undefined, 'idle');

  const busy = sessions.open(localPrincipal);
  const endMs = timeMs + SESSION_LONGEST_MS;
  for (; timeMs < endMs; timeMs += SESSION_IDLE_MS / 2) assert.ok(sessions.find(busy.id, true));
  timeMs += 1;
  assert.equal(sessions.find(busy.id, true), undefined, 'a day of work');

  const oldest = sessions.open(localPrincipal);
  for (let count = 0; count < 100; count += 1) sessions.open(localPrincipal);
  assert.equal(sessions.find(oldest.id, true), undefined, 'no more than a hundred');

  const links = createSignInLinks(clock);
  const { token } = links.create();
  timeMs += LINK_LIFETIME_MS;
  assert.equal(links.take(token), false);
});
