// No body larger than the limit is ever held: a declared length is refused, a chunked body is given up where it exceeds. What
// still comes of it is read and thrown away first, within bounds: a connection that is cut while its client sends takes the
// answer with it.
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpContext, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';

type Reader = ReadableStreamDefaultReader<Uint8Array>;

const MOST_THROWN_AWAY_BYTES = 64 * 1024 * 1024;
const MOST_THROWN_AWAY_MS = 2_000;

export function bodyLimit(maxBytes: number): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const isChunked = headerOf(c, 'transfer-encoding') !== undefined;
    const declaredBytes = Number(headerOf(c, 'content-length') ?? 0);
    const { body } = c.req.raw;
    if (body === null || (!isChunked && declaredBytes <= maxBytes)) return next();
    const reader: Reader = body.getReader();
    const held = isChunked ? await readUpTo(reader, maxBytes) : undefined;
    if (held === undefined) return refuse(c, maxBytes, await isThrownAway(reader));
    c.req.raw = new Request(c.req.raw, { method: c.req.method, body: held });
    return next();
  };
}

function refuse(c: HttpContext, maxBytes: number, isReadToItsEnd: boolean): Response {
  const error = new AppError('TOO_LARGE', `The body is larger than ${maxBytes} bytes`, {
    hint: 'Send less, or raise http.max_body_bytes',
  });
  const headers: Record<string, string> = isReadToItsEnd ? {} : { connection: 'close' };
  return c.req.path === '/mcp'
    ? jsonRpcErrorResponse(error, null, { headers })
    : problemResponse(error, c.get('requestId'), headers);
}

/** The whole body, or undefined as soon as it is larger. */
async function readUpTo(reader: Reader, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return Buffer.concat(chunks);
    sizeBytes += value.length;
    if (sizeBytes > maxBytes) return undefined;
    chunks.push(value);
  }
}

/** False if it is too much, or too slow. */
async function isThrownAway(reader: Reader): Promise<boolean> {
  const { promise: isLate, resolve } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, MOST_THROWN_AWAY_MS, 'late');
  try {
    for (let sizeBytes = 0; sizeBytes <= MOST_THROWN_AWAY_BYTES;) {
      const read = await Promise.race([reader.read(), isLate]);
      if (read === 'late') return false;
      if (read.done) return true;
      sizeBytes += read.value.length;
    }
    return false;
  } finally {
    clearTimeout(timer);
  }
}
