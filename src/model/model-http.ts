// The one connection pool to a model server, over TCP, TLS or a Unix socket, and the time limits of each request.
// Guarantees: a request ends with its signal or its limit, whichever comes first, and its socket is never left half read.
import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { AppError } from '../lib/app-error.ts';
import { tooSlow } from './model-failure.ts';
import type { FailureContext } from './model-failure.ts';
import { parseBaseUrl } from './openai-options.ts';
import type { OpenAiOptions } from './openai-options.ts';

const KEEP_ALIVE_MS = 30_000;
const LARGEST_BODY_BYTES = 16 * 1024 * 1024;

export interface ModelRequest {
  method: 'GET' | 'POST';
  /** Under the base URL's path, for example `/models`. */
  path: string;
  body?: string;
  limits: RequestLimits;
}

/** The signal of one request: the caller's, the limit over all, and the one between two pieces. */
export class RequestLimits implements Disposable {
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #total: NodeJS.Timeout;
  readonly #onOuterAbort = (): void => this.#controller.abort(asCancelled(this.#outer.reason));
  #stall: NodeJS.Timeout | undefined;

  constructor(outer: AbortSignal, totalMs: number, context: FailureContext) {
    this.#outer = outer;
    this.#total = setTimeout(() => this.#controller.abort(tooSlow('did not answer', totalMs, context)), totalMs);
    if (outer.aborted) this.#onOuterAbort();
    else outer.addEventListener('abort', this.#onOuterAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Called with every sign of progress; the first call starts the watch. */
  progress(stallMs: number, context: FailureContext): void {
    if (this.#stall === undefined) {
      this.#stall = setTimeout(() => this.#controller.abort(tooSlow('sent nothing more', stallMs, context)), stallMs);
    } else this.#stall.refresh();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#total);
    clearTimeout(this.#stall);
    this.#outer.removeEventListener('abort', this.#onOuterAbort);
  }
}

export class ModelHttp implements AsyncDisposable {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #headers: Record<string, string>;

  constructor(options: Pick<OpenAiOptions, 'baseUrl' | 'apiKey' | 'maxConnections' | 'connectTimeoutMs'>) {
    const { origin, socketPath, prefix } = parseBaseUrl(options.baseUrl);
    this.#prefix = prefix;
    this.#headers = { accept: 'application/json, text/event-stream', 'user-agent': 'mem-agent' };
    if (options.apiKey !== undefined && options.apiKey !== '') {
      if (!/^[\x21-\x7e]+$/.test(options.apiKey)) {
        throw new AppError('CONFIG_INVALID', 'model.api_key holds characters that no key has', {
          hint: 'Look for line ends or blanks in model.api_key or model.api_key_file',
        });
      }
      this.#headers['authorization'] = `Bearer ${options.apiKey}`;
    }
    this.#pool = new Pool(origin, {
      connections: options.maxConnections,
      connect: { timeout: options.connectTimeoutMs, ...(socketPath === null ? {} : { socketPath }) },
      keepAliveTimeout: KEEP_ALIVE_MS,
      allowH2: false,
      // Our own limits know the difference between a long thought and a dead server.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  async request({ method, path, body, limits }: ModelRequest): Promise<Dispatcher.ResponseData> {
    const headers = body === undefined ? this.#headers : { ...this.#headers, 'content-type': 'application/json' };
    return await this.#pool.request({
      method,
      path: this.#prefix + path,
      headers,
      body: body ?? null,
      signal: limits.signal,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.destroy();
  }
}

/** The whole body as text; a server that never stops is cut off. */
export async function readBody(response: Dispatcher.ResponseData): Promise<string> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const piece of response.body as AsyncIterable<Buffer>) {
    sizeBytes += piece.length;
    if (sizeBytes > LARGEST_BODY_BYTES) {
      throw new AppError('MODEL_PROTOCOL', 'The model server sent an endless answer', {
        hint: 'Check that model.base_url points to the API of a chat model',
      });
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

export function headerOf(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function asCancelled(reason: unknown): AppError {
  if (reason instanceof AppError) return reason;
  return new AppError('CANCELLED', 'The call was cancelled', { cause: reason });
}
