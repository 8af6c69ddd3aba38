// A real nginx with the rendered site in front of a real daemon: clients come through, what is private does not, streams are
// not held back, limits answer, TLS is strong, logs keep no secret, and a second instance takes over.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, createServer as createTlsServer, getCiphers, type ConnectionOptions } from 'node:tls';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { NGINX_FLAGS, startNginx, type Nginx } from '../helpers/nginx.ts';
import { runMain, tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const MODERN = '2026-07-28';
const QUESTION = 'How do I reset the flux capacitor?';

let daemon: DaemonProcess;
let nginx: Nginx;
before(async () => {
  // What is counted here are nginx's own limits; the daemon's for wrong keys would answer 429 as well.
  daemon = await startDaemon({ flags: [...NGINX_FLAGS, '--limits.auth_failures_per_minute', '0'] });
  nginx = await startNginx([new URL(daemon.url).host]);
});
after(async () => {
  await nginx[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

const withKey = (): { requestInit: RequestInit } => ({
  requestInit: { headers: { authorization: `Bearer ${daemon.keys.client}` } },
});

describe('nginx -t, through the command an operator has', () => {
  const cases = {
    'a certificate of one’s own': [],
    ACME: ['--acme', '/var/www/acme'],
    'two instances': ['--upstream', 'unix:/run/mem-agent-http.sock', '--upstream', '127.0.0.1:9'],
  };
  for (const [name, flags] of Object.entries(cases)) {
    test(name, async () => {
      using home = tempDirectory();
      const file = join(home.path, 'site.conf');
      const certificate = ['--cert', join(nginx.directory, 'cert.pem'), '--key', join(nginx.directory, 'key.pem')];
      const places = ['--listen', '127.0.0.1:8443', '--access-log', join(home.path, 'log')];
      const rendered = await runMain(
        ['nginx', 'render', '--server-name', 'localhost', ...places, ...certificate, ...flags],
        { home: home.path },
      );
      assert.equal(rendered.code, 0, rendered.stderr);
      writeFileSync(file, rendered.stdout.replace('listen 80;\n    listen [::]:80;', 'listen 127.0.0.1:8080;'));
      const checked = await runMain(['nginx', 'check', file, '--json', ...NGINX_FLAGS], { home: home.path });
      const expected = { ok: true, file, nginx: { state: 'accepted', says: '' }, findings: [] };
      assert.deepEqual(JSON.parse(checked.stdout), expected);
      assert.equal(checked.code, 0);
    });
  }

  test('a mistake is named, with exit 1', async () => {
    using home = tempDirectory();
    const file = join(home.path, 'site.conf');
    writeFileSync(file, readFileSync(nginx.siteFile, 'utf8').replace('proxy_buffering off;', 'proxy_bufering off;'));
    const checked = await runMain(['nginx', 'check', file, ...NGINX_FLAGS], { home: home.path });
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, /nginx refuses it: unknown directive "proxy_bufering"/);
    assert.match(checked.stdout, /proxy_buffering is not off/);
  });
});

describe('clients', () => {
  test('a client of today lists, asks and reads through TLS', async () => {
    const client = new ModernClient({ name: 'test', version: '1' }, { versionNegotiation: { mode: { pin: MODERN } } });
    await client.connect(new ModernTransport(new URL(`${nginx.url}/mcp`), withKey()));
    try {
      assert.ok((await client.listTools()).tools.some(({ name }) => name === 'use_memory_agent'));
      const answer = await client.callTool({ name: 'use_memory_agent', arguments: { question: QUESTION } });
      assert.notEqual(answer['isError'], true, JSON.stringify(answer));
      const logged = nginx.accessLog().find((line) => line['mcp_name'] === 'use_memory_agent');
      assert.equal(logged?.['mcp_method'], 'tools/call');
    } finally {
      await client.close();
    }
  });

  test('so does one of the old SDK', async () => {
    const client = new V1Client({ name: 'test', version: '1' });
    const transport: unknown = new V1Transport(new URL(`${nginx.url}/mcp`), withKey());
    await client.connect(transport as Parameters<typeof client.connect>[0]);
    try {
      const answer = await client.callTool({ name: 'search', arguments: { query: 'flux' } });
      assert.notEqual(answer['isError'], true, JSON.stringify(answer));
    } finally {
      await client.close();
    }
  });

  test('an address that a client claims for itself does not count', async () => {
    const headers = { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9', 'x-request-id': 'mine' };
    const answer = await fetch(`${nginx.url}/mcp`, callInit('list_files', {}, headers));
    assert.equal(answer.status, 200);
    await answer.text();
    assert.equal(nginx.accessLog().at(-1)?.['request_id'], answer.headers.get('x-request-id'));
    const wrong = await fetch(
      `${nginx.url}/mcp`,
      callInit('list_files', {}, { ...headers, authorization: 'Bearer x' }),
    );
    assert.equal(wrong.status, 401);
    await wrong.text();
    assert.doesNotMatch(nginx.logs() + daemon.stderr(), /203\.0\.113\.9|"mine"/);
  });

  test('HTTP/2', async () => {
    const session = connectHttp2(nginx.url, { ca: nginx.certificate });
    try {
      const answers = Array.from({ length: 10 }, async () => {
        const stream = session.request({ ':path': '/health' });
        const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
        stream.resume();
        await once(stream, 'end');
        return headers[':status'];
      });
      assert.deepEqual(await Promise.all(answers), Array(10).fill(200));
      assert.equal(session.alpnProtocol, 'h2');
    } finally {
      session.close();
    }
  });

  test('the largest body the daemon takes goes through in memory, a larger one is refused at the door', async () => {
    const send = (size: number): Promise<Response> =>
      fetch(`${nginx.url}/mcp`, callInit('search', { query: 'x'.repeat(size) }));
    assert.ok((await send(1_500_000)).headers.has('x-request-id'), 'the daemon did not answer');
    const refused = await send(1_600_000);
    assert.deepEqual([refused.status, refused.headers.has('x-request-id')], [413, false]);
    assert.deepEqual(readdirSync(join(nginx.directory, 'client_body')), []);
    assert.doesNotMatch(nginx.logs(), /buffered to a temporary file/);
  });
});

test('only the public routes are reachable', async () => {
  const paths =
    '/ /metrics /admin /admin/v1/status /readyz /livez /dashboard /mcp/ /health/x /healthz /oauth/../metrics /oauth/%2e%2e/metrics /oauth/..%2fadmin/v1/status //metrics /.well-known/../readyz';
  for (const path of paths.split(' ')) assert.equal((await rawGet(path)).status, 404, path);
  assert.deepEqual(
    await rawGet('/health').then(({ status, body }) => [status, Object.keys(JSON.parse(body) as object)]),
    [200, ['status']],
  );
  // The daemon itself answers these two: OAuth is off.
  for (const path of ['/.well-known/oauth-protected-resource', '/oauth/token'])
    assert.match((await rawGet(path)).body, /NOT_FOUND/, path);
});

describe('streams', () => {
  test('the first event is there when the daemon has sent it, the last one later', async () => {
    const tap = await openTap(new URL(daemon.url));
    await using tapped = await startNginx([tap.address]);
    try {
      const delays: number[] = [];
      for (let index = 0; index < 8; index++) {
        tap.reset();
        const response = await fetch(
          `${tapped.url}/mcp`,
          callInit('use_memory_agent', { question: QUESTION }, {}, { progressToken: 1 }),
        );
        assert.ok(response.body !== null);
        const times: number[] = [];
        for await (const _chunk of response.body) times.push(performance.now());
        const [first = Number.NaN] = times;
        assert.ok(times.length > 1, 'all events at once');
        delays.push(first - tap.firstEventMs());
      }
      // 1 to 3 ms on a quiet machine; nginx would hold back 4 KB or the whole answer.
      const sorted = delays.toSorted((a, b) => a - b);
      assert.ok((sorted[4] ?? Number.NaN) <= 50, String(delays));
      assert.ok((sorted.at(-1) ?? Number.NaN) <= 500, String(delays));
    } finally {
      tap.close();
    }
  });
});

describe('limits', () => {
  // The daemon does not know these keys: 401 is what it answers, so nginx let the call through.
  const run = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'use_memory_agent' };
  const statuses = (answers: Refusal[]): number[] => answers.map(({ status }) => status);

  test('runs of the agent are counted apart, by the header, and over it is 429 as JSON', async () => {
    const burst = await statusesOf(nginx, 14, { ...run, authorization: 'Bearer first' });
    assert.ok(statuses(burst).filter((status) => status === 401).length >= 9, JSON.stringify(burst));
    const refused = burst.find(({ status }) => status === 429);
    assert.equal(refused?.retryAfter, '2');
    assert.match(refused?.hsts ?? '', /max-age/);
    assert.match(refused?.body ?? '', /"code":"RATE_LIMITED"/);
    // The same caller may still do something else, and so may another.
    const search = { ...run, 'mcp-name': 'search', authorization: 'Bearer first' };
    assert.deepEqual(statuses(await statusesOf(nginx, 1, search)), [401]);
    assert.deepEqual(statuses(await statusesOf(nginx, 1, { ...run, authorization: 'Bearer second' })), [401]);
  });

  test('all calls of one caller, without any header', async () => {
    const answers: Refusal[] = [];
    for (let index = 0; index < 12; index++)
      answers.push(...(await statusesOf(nginx, 8, { authorization: 'Bearer third' })));
    const passed = statuses(answers).filter((status) => status === 401).length;
    assert.ok(passed >= 40 && passed < 96, String(passed));
  });

  test('made-up keys do not make more callers than an address may be', async () => {
    await using other = await startNginx([new URL(daemon.url).host]);
    const bursts = Array.from({ length: 30 }, (_, index) =>
      statusesOf(other, 12, { authorization: `Bearer made-up-${index}` }),
    );
    const passed = statuses((await Promise.all(bursts)).flat()).filter((status) => status === 401).length;
    assert.ok(passed >= 100 && passed < 360, String(passed));
  });
});

describe('TLS', () => {
  const OLD: Record<string, ConnectionOptions> = {
    'TLS 1.0': { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
    'TLS 1.1': { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  };
  for (const [name, options] of Object.entries(OLD)) {
    test(`${name} is refused`, async () => {
      // The client itself could: a server that is not so strict takes it.
      const lax = createTlsServer({
        cert: nginx.certificate,
        key: readFileSync(join(nginx.directory, 'key.pem')),
        minVersion: 'TLSv1',
        ciphers: 'ALL:@SECLEVEL=0',
      }).listen(0, '127.0.0.1');
      await once(lax, 'listening');
      try {
        assert.match(await handshake(options, (lax.address() as AddressInfo).port), /^TLSv1/);
      } finally {
        lax.close();
      }
      await assert.rejects(handshake(options));
    });
  }

  test('of all suites that OpenSSL has, only those of the guideline', async () => {
    const suites = getCiphers().map((name) => name.toUpperCase());
    const accepted: string[] = [];
    for (const suite of suites.filter((name) => !name.startsWith('TLS_'))) {
      const options = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` } as const;
      if ((await handshake(options).catch(() => undefined)) !== undefined) accepted.push(suite);
    }
    // The certificate is an ECDSA one.
    assert.deepEqual(
      accepted.toSorted((a, b) => a.localeCompare(b)),
      ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    );
    assert.match(await handshake({}), /^TLSv1\.3 TLS_/);
  });

  test('a browser is told to stay with it', async () => {
    assert.match((await rawGet('/health')).headers['strict-transport-security'] ?? '', /max-age=63072000/);
  });
});

describe('two instances', () => {
  const ask = async (site: Nginx, key: string): Promise<Response> =>
    fetch(`${site.url}/mcp`, callInit('list_files', {}, { authorization: `Bearer ${key}` }));

  test('the second answers while the first is gone, and no request fails', async () => {
    await using first = await startDaemon({ flags: NGINX_FLAGS });
    await using both = await startNginx([new URL(first.url).host, new URL(daemon.url).host]);
    // Only the second knows this key.
    assert.equal((await ask(both, daemon.keys.client)).status, 401);
    await first.stop();
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(both, daemon.keys.client)));
    assert.deepEqual(
      answers.map(({ status }) => status),
      Array(10).fill(200),
    );
  });

  test('a call that was sent is not made again, and the client is told as JSON', async () => {
    let sent = 0;
    const first = await listening((socket) => {
      socket.once('data', () => {
        sent += 1;
        socket.destroy();
      });
    });
    await using both = await startNginx([addressOf(first), new URL(daemon.url).host]);
    try {
      const answer = await ask(both, daemon.keys.client);
      assert.equal(answer.status, 502);
      assert.match(await answer.text(), /"code":"UNREACHABLE"/);
      assert.equal(sent, 1);
    } finally {
      first.close();
    }
  });
});

test('no log of nginx holds a key or a question', () => {
  assert.ok(nginx.accessLog().length > 100);
  for (const secret of [daemon.keys.client, daemon.keys.client.slice(12, 40), 'flux', 'Bearer'])
    assert.ok(!nginx.logs().includes(secret), secret);
});

function callInit(
  name: string,
  args: Record<string, unknown>,
  headers: Record<string, string> = {},
  meta?: Record<string, unknown>,
): RequestInit {
  const params = { name, arguments: args, ...(meta !== undefined && { _meta: meta }) };
  return {
    method: 'POST',
    headers: {
      authorization: `Bearer ${daemon.keys.client}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  };
}

interface Refusal {
  status: number;
  retryAfter: string | null | undefined;
  hsts: string | null | undefined;
  body: string;
}

/** As many calls at once. */
async function statusesOf(site: Nginx, count: number, headers: Record<string, string>): Promise<Refusal[]> {
  const one = async (): Promise<Refusal> => {
    const response = await fetch(`${site.url}/mcp`, callInit('search', { query: 'x' }, headers));
    const [retryAfter, hsts] = ['retry-after', 'strict-transport-security'].map((name) => response.headers.get(name));
    return { status: response.status, retryAfter, hsts, body: await response.text() };
  };
  return Promise.all(Array.from({ length: count }, one));
}

/** As it is written: `fetch` would tidy the path first. */
async function rawGet(path: string): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const options = { host: '127.0.0.1', servername: 'localhost', headers: { host: 'localhost' }, ca: nginx.certificate };
  const call = request({ ...options, port: nginx.port, path, agent: false }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  const { statusCode = 0, headers } = response;
  return { status: statusCode, headers, body: await text(response) };
}

/** The protocol and suite that were agreed on; rejects when none is. */
async function handshake(options: ConnectionOptions, port = nginx.port): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', servername: 'localhost', port, ca: nginx.certificate, ...options });
  try {
    await once(socket, 'secureConnect');
    return `${socket.getProtocol()} ${socket.getCipher().standardName}`;
  } finally {
    socket.destroy();
  }
}

async function listening(onConnection: (socket: Socket) => void): Promise<Server> {
  const server = createServer(onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Stands between nginx and the daemon and notes when the daemon's first event came by. */
async function openTap(
  target: URL,
): Promise<{ address: string; firstEventMs(): number; reset(): void; close(): void }> {
  let firstMs = Number.NaN;
  const server = await listening((near) => {
    const far = connect(Number(target.port), target.hostname);
    far.on('data', (data) => {
      if (Number.isNaN(firstMs) && data.includes('data: {')) firstMs = performance.now();
    });
    for (const socket of [near, far]) socket.on('error', () => [near, far].forEach((each) => each.destroy()));
    near.pipe(far).pipe(near);
  });
  return {
    address: addressOf(server),
    firstEventMs: () => firstMs,
    reset: () => (firstMs = Number.NaN),
    close: () => server.close(),
  };
}
