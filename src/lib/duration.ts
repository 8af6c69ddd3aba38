// Durations as people write them (`90d`, `1h30m`), turned into milliseconds; nonsense is refused with an example.

import { AppError } from './app-error.ts';

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 604_800_000],
]);

const LONGEST_MS = 100 * 366 * 86_400_000;

/** `90d`, `12h`, `1h30m`, `500ms`; at least 1 ms and at most a hundred years. Throws `INVALID_INPUT`. */
export function parseDuration(text: string): number {
  const compact = text.trim().toLowerCase();
  if (!/^(?:\d{1,12}(?:ms|s|m|h|d|w))+$/.test(compact)) throw invalid(text);
  let totalMs = 0;
  for (const part of compact.matchAll(/(\d+)(ms|s|m|h|d|w)/g)) {
    totalMs += Number(part[1]) * (UNIT_MS.get(part[2] ?? '') ?? Number.NaN);
  }
  if (!(totalMs >= 1 && totalMs <= LONGEST_MS)) throw invalid(text);
  return totalMs;
}

function invalid(text: string): AppError {
  return new AppError('INVALID_INPUT', `"${text.slice(0, 40)}" is not a duration`, {
    hint: 'Write a number and a unit of ms, s, m, h, d or w, for example 90d or 1h30m',
  });
}
