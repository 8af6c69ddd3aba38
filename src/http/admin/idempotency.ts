// Idempotency-Key: a POST that is sent again, because its answer got lost, is answered as the first was and does nothing.
// Guarantees: remembered for 24 h per caller, in memory (a restart forgets), the latest MOST_KEPT answers of all; only what
// succeeded, so that what failed is tried again; an answer is held sealed under the client's own key, since it may hold a secret.
import { createCipheriv, createDecipheriv, createHmac, hash, randomBytes } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { AppError } from '../../lib/app-error.ts';
import type { HttpContext, HttpEnv } from '../env.ts';
import type { AdminPorts } from './admin-ports.ts';
import { audited } from './audited.ts';

const KEPT_MS = 24 * 3_600_000;
const MOST_KEPT = 10_000;
const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

interface Kept {
  requestDigest: string;
  untilMs: number;
  /** Null when the first attempt failed. */
  answer: Promise<Sealed | null>;
}

interface Sealed {
  status: number;
  contentType: string;
  iv: Buffer;
  tag: Buffer;
  sealedBody: Buffer;
}

export function idempotency(ports: AdminPorts): MiddlewareHandler<HttpEnv> {
  /** In order of age. */
  const kept = new Map<string, Kept>();
  const secret = randomBytes(32);
  const derive = (purpose: string, c: HttpContext, key: string): Buffer =>
    createHmac('sha256', secret)
      .update(JSON.stringify([purpose, c.get('principal').id, key]))
      .digest();

  function forgetOld(nowMs: number): void {
    for (const [id, { untilMs }] of kept) {
      if (untilMs > nowMs && kept.size <= MOST_KEPT) return;
      kept.delete(id);
    }
  }

  return async (c, next) => {
    const key = c.req.header('idempotency-key');
    const principal: HttpEnv['Variables']['principal'] | undefined = c.get('principal');
    // Who may not post gets the route's own refusal, never a kept answer.
    const mayPost = principal?.scopes.has('admin:write') ?? false;
    if (c.req.method !== 'POST' || key === undefined || !mayPost) return next();
    if (!KEY_PATTERN.test(key)) {
      throw new AppError('INVALID_INPUT', 'Idempotency-Key has 1 to 255 visible ASCII characters', {
        hint: 'Send a fresh UUID for each thing to be done',
      });
    }
    const id = derive('id', c, key).toString('base64');
    const sealKey = derive('seal', c, key);
    const requestDigest = hash('sha256', JSON.stringify([c.req.url, await c.req.text()]));
    forgetOld(ports.clock.monotonicMs());
    for (let known = kept.get(id); known !== undefined; known = kept.get(id)) {
      if (known.requestDigest !== requestDigest) throw otherRequest();
      const sealed = await known.answer;
      if (sealed !== null) return await replay(c, ports, sealed, sealKey);
    }
    const { promise, resolve } = Promise.withResolvers<Sealed | null>();
    kept.set(id, { requestDigest, untilMs: ports.clock.monotonicMs() + KEPT_MS, answer: promise });
    let sealed: Sealed | null = null;
    try {
      await next();
      if (c.res.ok) sealed = await seal(c.res.clone(), sealKey);
    } finally {
      if (sealed === null) kept.delete(id);
      resolve(sealed);
    }
    return undefined;
  };
}

/** It may show a secret once more, so it is in the audit. */
async function replay(c: HttpContext, ports: AdminPorts, sealed: Sealed, sealKey: Buffer): Promise<Response> {
  const body = await audited(c, ports, {
    action: 'idempotency.replay',
    args: { path: c.req.path },
    effect: () => open(sealed, sealKey),
  });
  const headers = { 'content-type': sealed.contentType, 'idempotency-replayed': 'true' };
  return new Response(body, { status: sealed.status, headers });
}

async function seal(response: Response, sealKey: Buffer): Promise<Sealed> {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', sealKey, iv);
  const sealedBody = Buffer.concat([cipher.update(await response.text(), 'utf8'), cipher.final()]);
  const contentType = response.headers.get('content-type') ?? 'application/json';
  return { status: response.status, contentType, iv, tag: cipher.getAuthTag(), sealedBody };
}

function open({ iv, tag, sealedBody }: Sealed, sealKey: Buffer): string {
  const decipher = createDecipheriv('aes-256-gcm', sealKey, iv, { authTagLength: 16 });
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(sealedBody), decipher.final()]).toString('utf8');
}

function otherRequest(): AppError {
  return new AppError('IDEMPOTENCY_CONFLICT', 'This Idempotency-Key was used for another request', {
    hint: 'Use a key of its own for each request; send it again only with the same body',
  });
}
