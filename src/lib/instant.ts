// A moment as people write it: a date, a date and time, or how long ago (`7d`).

import { AppError } from './app-error.ts';
import { parseDuration } from './duration.ts';

const ISO = /^\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:[Zz]|[+-]\d\d:?\d\d)?)?$/;

/** Milliseconds since 1970. Without a time zone it is UTC. Throws `INVALID_INPUT`. */
export function parseInstant(text: string, nowMs: number): number {
  const written = text.trim();
  if (/^[\da-z]*[a-z]$/i.test(written)) return nowMs - parseDuration(written);
  const hasTime = written.length > 10;
  const zoned = !hasTime || /(?:z|[+-]\d\d:?\d\d)$/i.test(written.slice(10)) ? written : `${written}Z`;
  const timeMs = ISO.test(written) ? Date.parse(zoned) : Number.NaN;
  if (Number.isFinite(timeMs)) return timeMs;
  throw new AppError('INVALID_INPUT', `"${written.slice(0, 40)}" is not a time`, {
    hint: 'Write 2026-11-24, 2026-11-24T12:30:00Z, or how long ago: 7d',
  });
}
