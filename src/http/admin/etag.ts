// Versions of what can be changed: ETag on the way out, If-Match on the way in, so that nobody overwrites what they have not
// seen. Guarantee: between the look at the version and the change no other change of this daemon comes.
import { hash } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { AppError } from '../../lib/app-error.ts';
import type { HttpContext } from '../env.ts';

/** `request.headers` of a route that changes something with a version. */
export const ifMatch = z.object({
  'if-match': z.string().max(1000).optional().openapi({ description: 'The ETag that was read; left out, any version' }),
});

/** The same for the same content, whoever serves it. */
export function etagOf(content: unknown): string {
  return `"${hash('sha256', JSON.stringify(content), 'hex').slice(0, 32)}"`;
}

/** Throws PRECONDITION_FAILED when the caller has seen another version. Without If-Match any version is right. */
export function requireMatch(c: HttpContext, current: string): void {
  const wanted = c.req.header('if-match');
  if (wanted === undefined || wanted.trim() === '*') return;
  if (wanted.split(',').some((tag) => tag.trim() === current)) return;
  throw new AppError('PRECONDITION_FAILED', 'It has changed since you read it', {
    hint: 'Read it again, and send the new ETag as If-Match',
  });
}

/** Runs one piece of work after another. */
export type Turns = <T>(work: () => T | Promise<T>) => Promise<T>;

export function createTurns(): Turns {
  let latest: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = latest.then(work);
    latest = Promise.allSettled([result]);
    return result;
  };
}
