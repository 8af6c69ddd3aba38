// One request to an engine: where each path goes, on TCP and on a Unix socket, and every way that it ends.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { ErrorCode } from '../../../src/lib/app-error.ts';
import { requestEngine } from '../../../src/worker/worker-endpoint.ts';
import type { EngineRequest } from '../../../src/worker/worker-endpoint.ts';
import { sendJson, startHttpStandIn } from './http-stand-in.ts';

const KEY = 'worker-key-0123456789';

function get(path: string, overrides: Partial<EngineRequest> = {}): EngineRequest {
  return { method: 'GET', path, timeoutMs: 10_000, signal: new AbortController().signal, ...overrides };
}

async function failsWith(work: Promise<unknown>, code: ErrorCode, text: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof AppError, String(error));
    assert.equal(error.code, code, error.userMessage);
    assert.match(error.userMessage, text);
    return true;
  });
}

test('a path under /v1 goes under the base URL, any other under its root', async () => {
  await using engine = await startHttpStandIn((_request, response) => sendJson(response, 200, {}));
  const { origin } = new URL(engine.baseUrl);
  const cases: [string, string, string][] = [
    [engine.baseUrl, '/v1/models', '/v1/models'],
    [engine.baseUrl, '/health', '/health'],
    [`${engine.baseUrl}/`, '/sleep?level=1', '/sleep?level=1'],
    [origin, '/v1/models', '/v1/models'],
    [origin, '/health', '/health'],
    [`${origin}/gpu0/v1`, '/v1/models', '/gpu0/v1/models'],
    [`${origin}/gpu0/v1`, '/metrics', '/gpu0/metrics'],
    [`${origin}/openai`, '/v1/models', '/openai/models'],
    [`${origin}/openai`, '/health', '/health'],
  ];
  for (const [baseUrl, path, expected] of cases) {
    await requestEngine({ baseUrl }, get(path));
    assert.equal(engine.seen.at(-1)?.url, expected, `${baseUrl} ${path}`);
  }
});

test('on a Unix socket too, with a body, a key, and any status', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'worker-endpoint-'));
  try {
    await using engine = await startHttpStandIn((_request, response) => sendJson(response, 503, { error: 'loading' }), {
      socketPath: join(directory, 'engine.sock'),
    });
    const response = await requestEngine(
      { baseUrl: engine.baseUrl },
      get('/v1/chat/completions', { method: 'POST', body: { model: 'm' }, apiKey: KEY }),
    );
    assert.equal(response.status, 503);
    assert.equal(response.text, '{"error":"loading"}');
    assert.equal(response.headers['content-type'], 'application/json');
    const [seen] = engine.seen;
    assert.deepEqual(
      { method: seen?.method, url: seen?.url, body: seen?.body, key: seen?.headers.authorization },
      { method: 'POST', url: '/v1/chat/completions', body: '{"model":"m"}', key: `Bearer ${KEY}` },
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});

test('no key, no header; no connection stays behind', async () => {
  await using engine = await startHttpStandIn((_request, response) => sendJson(response, 200, {}));
  for (let index = 0; index < 20; index++) await requestEngine(engine, get('/health', { apiKey: '' }));
  assert.ok(engine.seen.every((request) => request.headers.authorization === undefined));
  const deadline = Date.now() + 10_000;
  while ((await engine.openConnections()) > 0 && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(await engine.openConnections(), 0);
});

test('an engine that accepts and never answers, or stops in its body, ends with the limit', async () => {
  await using mute = await startHttpStandIn((request, response) => {
    if (request.url === '/metrics') response.writeHead(200).write('vllm:half ');
  });
  await failsWith(requestEngine(mute, get('/health', { timeoutMs: 100 })), 'WORKER_FAILED', /GET \/health in 100 ms/);
  await failsWith(requestEngine(mute, get('/metrics', { timeoutMs: 100 })), 'WORKER_FAILED', /\/metrics in 100 ms/);
});

test('a process that no longer reads ends with the limit', async () => {
  const frozen = createServer({ pauseOnConnect: true });
  await new Promise<void>((resolve) => {
    frozen.listen(0, '127.0.0.1', resolve);
  });
  try {
    const { port } = frozen.address() as AddressInfo;
    const work = requestEngine({ baseUrl: `http://127.0.0.1:${port}/v1` }, get('/health', { timeoutMs: 100 }));
    await failsWith(work, 'WORKER_FAILED', /in 100 ms/);
  } finally {
    frozen.close();
  }
});

test('the signal ends it at once, before and during', async () => {
  await using mute = await startHttpStandIn(() => undefined);
  await failsWith(requestEngine(mute, get('/health', { signal: AbortSignal.abort() })), 'CANCELLED', /cancelled/);
  assert.equal(mute.seen.length, 0);
  const controller = new AbortController();
  const work = requestEngine(mute, get('/health', { signal: controller.signal }));
  setTimeout(() => controller.abort(), 30);
  await failsWith(work, 'CANCELLED', /cancelled/);
});

test('nobody there, a broken answer, an endless one', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'worker-endpoint-'));
  await failsWith(
    requestEngine({ baseUrl: `unix:${directory}/none.sock` }, get('/health')),
    'WORKER_FAILED',
    /none\.sock did not answer GET \/health \(ENOENT\)/,
  );
  await rm(directory, { recursive: true, force: true });
  await failsWith(requestEngine({ baseUrl: 'http://127.0.0.1:1/v1' }, get('/health')), 'WORKER_FAILED', /ECONNREFUSED/);
  await using engine = await startHttpStandIn((request, response) => {
    if (request.url === '/broken') return void response.socket?.destroy();
    response.writeHead(200);
    const pump = (): void => {
      while (response.writable && response.write(Buffer.alloc(65_536, 'a')));
    };
    response.on('drain', pump);
    pump();
  });
  await failsWith(requestEngine(engine, get('/broken')), 'WORKER_FAILED', /did not answer GET \/broken/);
  await failsWith(requestEngine(engine, get('/endless')), 'WORKER_FAILED', /sent more than/);
});

test('an address that is none, or holds a password', async () => {
  for (const baseUrl of ['', 'localhost', 'ftp://a/v1', 'http://user:secret@127.0.0.1:1/v1', 'unix:relative.sock']) {
    await failsWith(requestEngine({ baseUrl }, get('/health')), 'CONFIG_INVALID', /http:\/\/127\.0\.0\.1/);
  }
});
