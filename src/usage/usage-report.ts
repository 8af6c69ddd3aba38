// What was used, summed by key, tool, backend, hour, day or month, or several of them; the biggest user first, times in order.

import { AppError } from '../lib/app-error.ts';
import type { Db } from '../store/sqlite.ts';
import { WHOLE_DAY, WHOLE_MONTH } from './roll-up-usage.ts';
import { utcDay } from './usage-recorder.ts';

export const USAGE_GROUPS = ['key', 'tool', 'backend', 'hour', 'day', 'month'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

export interface UsageReportOptions {
  by: UsageGroup | readonly UsageGroup[];
  /** Counted by whole hours (days or months where usage is rolled up): the one this falls into is included. */
  sinceMs?: number;
  /** What began before it is included. */
  untilMs?: number;
}

export interface UsageReportRow {
  /** The key id, tool, backend (`''` if no model was asked), hour, day or month (UTC); several with ` / ` between. */
  group: string;
  calls: number;
  errors: number;
  /** Denied before they did anything; not among the errors. */
  refused: number;
  inputTokens: number;
  outputTokens: number;
  modelMs: number;
  turns: number;
  notesRead: number;
  notesWritten: number;
  durationMs: number;
  costUsd: number;
}

/** Rolled-up rows have only the day, or the month, that they are of. */
const PERIOD = `CASE hour WHEN ${WHOLE_MONTH} THEN substr(day, 1, 7) WHEN ${WHOLE_DAY} THEN day`;
const GROUP_COLUMN: Record<UsageGroup, string> = {
  key: 'key_id',
  tool: 'tool',
  backend: 'backend',
  hour: `${PERIOD} ELSE day || printf('T%02d', hour) END`,
  day: `${PERIOD} ELSE day END`,
  month: 'substr(day, 1, 7)',
};
const TIMES: ReadonlySet<UsageGroup> = new Set(['hour', 'day', 'month']);
const HOUR_MS = 3_600_000;
const LATEST_MS = 8.64e15;

export function usageReport(db: Db, options: UsageReportOptions): UsageReportRow[] {
  const groups = [options.by].flat();
  const since = periodOf(options.sinceMs ?? 0);
  // The hour that is not included any more.
  const until = periodOf(Math.min((options.untilMs ?? LATEST_MS - HOUR_MS) + HOUR_MS - 1, LATEST_MS));
  const expressions = groups.map((group) => GROUP_COLUMN[group]);
  const order = groups.some((group) => TIMES.has(group)) ? '"group"' : 'calls DESC, "group"';
  return db
    .prepare<Record<string, string | number>, UsageReportRow>(
      `SELECT ${expressions.join(` || ' / ' || `)} AS "group", sum(calls) AS calls, sum(errors) AS errors,
              sum(refused) AS refused, sum(input_tokens) AS inputTokens, sum(output_tokens) AS outputTokens,
              sum(model_ms) AS modelMs, sum(turns) AS turns, sum(notes_read) AS notesRead,
              sum(notes_written) AS notesWritten, sum(duration_ms) AS durationMs,
              sum(cost_micro_usd) / 1000000.0 AS costUsd
       FROM usage
       WHERE (day, max(hour, 0)) < (@untilDay, @untilHour)
         AND CASE hour WHEN ${WHOLE_MONTH} THEN substr(day, 1, 7) >= substr(@sinceDay, 1, 7)
                       WHEN ${WHOLE_DAY} THEN day >= @sinceDay
                       ELSE (day, hour) >= (@sinceDay, @sinceHour) END
       GROUP BY ${expressions.join(', ')} ORDER BY ${order}`,
    )
    .all({ sinceDay: since.day, sinceHour: since.hour, untilDay: until.day, untilHour: until.hour });
}

function periodOf(timeMs: number): { day: string; hour: number } {
  const time = new Date(timeMs);
  if (!Number.isFinite(time.getTime())) {
    throw new AppError('INVALID_INPUT', `${timeMs} is not a time`, { hint: 'Give milliseconds since 1970' });
  }
  // Years beyond 9999 would not compare as text.
  const capped = Math.min(Math.max(timeMs, 0), Date.UTC(9999, 11, 31));
  return { day: utcDay(capped), hour: new Date(capped).getUTCHours() };
}

const CSV_COLUMNS = [
  'calls',
  'errors',
  'refused',
  'inputTokens',
  'outputTokens',
  'modelMs',
  'turns',
  'notesRead',
  'notesWritten',
  'durationMs',
  'costUsd',
] as const satisfies readonly (keyof UsageReportRow)[];

/** RFC 4180, with a header; a column for each group. */
export function usageCsv(by: readonly UsageGroup[], rows: readonly UsageReportRow[]): string {
  const lines = rows.map((row) => [...row.group.split(' / '), ...CSV_COLUMNS.map((column) => String(row[column]))]);
  return [[...by, ...CSV_COLUMNS], ...lines].map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** Text that a spreadsheet would take for a formula begins with an apostrophe. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
