// One HTTP request to the engine behind a worker, over TCP or its Unix socket; for probes, metrics, sleep and wake.
// Guarantees: ends within its limit or with its signal, reads a bounded body, and leaves no connection behind, so that
// an engine that was killed and replaced is never asked over the old one's socket.
import { Client } from 'undici';
import type { Dispatcher } from 'undici';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

const LARGEST_BODY_BYTES = 8 * 1024 * 1024;

export interface WorkerEndpoint {
  /** `http://127.0.0.1:N/v1`, or `unix:/path.sock` (then `/v1` on it). */
  baseUrl: string;
}

export interface EngineRequest {
  method: 'GET' | 'POST';
  /** `/v1/…` lies under the base URL; any other (`/health`, `/metrics`, `/sleep?level=1`) under its root. */
  path: string;
  /** Sent as JSON. */
  body?: Readonly<Record<string, unknown>>;
  apiKey?: string;
  timeoutMs: number;
  signal: AbortSignal;
}

export interface EngineResponse {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
}

/** Any status is an answer. Throws WORKER_FAILED when there is none, CANCELLED when the signal said so. */
export async function requestEngine(endpoint: WorkerEndpoint, request: EngineRequest): Promise<EngineResponse> {
  const target = parseEndpoint(endpoint);
  const limit = new AbortController();
  const onAbort = (): void => limit.abort(cancelled(request.signal.reason));
  if (request.signal.aborted) throw cancelled(request.signal.reason);
  request.signal.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => limit.abort(tooSlow(target.shown, request)), request.timeoutMs);
  const client = new Client(target.origin, {
    connect: { timeout: request.timeoutMs, ...(target.socketPath === null ? {} : { socketPath: target.socketPath }) },
    // The limit above is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  });
  try {
    const response = await client.request({
      method: request.method,
      path: target.pathOf(request.path),
      headers: headersOf(request),
      body: request.body === undefined ? null : JSON.stringify(request.body),
      signal: limit.signal,
      reset: true,
    });
    const text = await readBounded(response, target.shown);
    return { status: response.statusCode, headers: flatten(response.headers), text };
  } catch (error) {
    throw limit.signal.aborted ? limit.signal.reason : unreachable(target.shown, request, error);
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', onAbort);
    // Not awaited: a peer that keeps its end open must not hold us.
    client.destroy().catch(() => undefined);
  }
}

interface Target {
  origin: string;
  socketPath: string | null;
  /** For messages. */
  shown: string;
  pathOf(path: string): string;
}

function parseEndpoint({ baseUrl }: WorkerEndpoint): Target {
  const socketPath = /^unix:(?:\/\/)?(\/.+)$/.exec(baseUrl)?.[1];
  if (socketPath !== undefined) {
    return { origin: 'http://localhost', socketPath, shown: `unix:${socketPath}`, pathOf: (path) => path };
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new AppError('CONFIG_INVALID', 'The address of the worker is not one of a server', {
      hint: 'Write it as http://127.0.0.1:8000/v1 or unix:/run/vllm.sock, without a user name or password',
    });
  }
  const prefix = url.pathname.replace(/\/+$/, '') || '/v1';
  const root = prefix.endsWith('/v1') ? prefix.slice(0, -'/v1'.length) : '';
  return {
    origin: url.origin,
    socketPath: null,
    shown: url.origin,
    pathOf: (path) => (path.startsWith('/v1/') ? prefix + path.slice('/v1'.length) : root + path),
  };
}

function headersOf({ body, apiKey }: EngineRequest): Record<string, string> {
  return {
    accept: '*/*',
    'user-agent': 'mem-agent',
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(apiKey === undefined || apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` }),
  };
}

async function readBounded(response: Dispatcher.ResponseData, shown: string): Promise<string> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > LARGEST_BODY_BYTES) {
      throw new AppError('WORKER_FAILED', `The engine at ${shown} sent more than ${LARGEST_BODY_BYTES} bytes`, {
        hint: 'Check that worker.listen is the address of a model server',
      });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function flatten(headers: Dispatcher.ResponseData['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, typeof value === 'string' ? value : value.join(', ')]],
    ),
  );
}

function unreachable(shown: string, { method, path }: EngineRequest, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = deepCode(error) ?? 'unknown reason';
  const message = `The engine at ${shown} did not answer ${method} ${path} (${code})`;
  return new AppError('WORKER_FAILED', message, { hint: 'Look at its log: mem-agent worker logs', cause: error });
}

function tooSlow(shown: string, { method, path, timeoutMs }: EngineRequest): AppError {
  return new AppError('WORKER_FAILED', `The engine at ${shown} did not answer ${method} ${path} in ${timeoutMs} ms`, {
    hint: 'It is overloaded or hangs; look at its log: mem-agent worker logs',
  });
}

function cancelled(reason: unknown): AppError {
  if (reason instanceof AppError) return reason;
  return new AppError('CANCELLED', 'The call was cancelled', { cause: reason });
}

/** Errors of several addresses hide the code in a list, those of a client in `cause`. */
function deepCode(error: unknown): string | undefined {
  const own = systemErrorCode(error);
  if (own !== undefined) return own;
  if (error instanceof AggregateError) return deepCode(error.errors[0]);
  return error instanceof Error && error.cause !== undefined ? deepCode(error.cause) : undefined;
}
