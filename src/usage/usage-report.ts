// What was used, summed by key, tool, backend or day; the biggest user first, days in order.

import { AppError } from '../lib/app-error.ts';
import type { Db } from '../store/sqlite.ts';
import { utcDay } from './usage-recorder.ts';

export const USAGE_GROUPS = ['key', 'tool', 'backend', 'day'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];

export interface UsageReportOptions {
  by: UsageGroup;
  /** Counted by whole hours: the hour this falls into is included. Default: everything. */
  sinceMs?: number;
}

export interface UsageReportRow {
  /** The key id, tool, backend (`''` if no model was asked) or day (`2026-11-23`, UTC). */
  group: string;
  calls: number;
  errors: number;
  inputTokens: number;
  outputTokens: number;
  modelMs: number;
  turns: number;
  notesRead: number;
  notesWritten: number;
  durationMs: number;
  costUsd: number;
}

const GROUP_COLUMN: Record<UsageGroup, string> = { key: 'key_id', tool: 'tool', backend: 'backend', day: 'day' };

export function usageReport(db: Db, options: UsageReportOptions): UsageReportRow[] {
  const column = GROUP_COLUMN[options.by];
  const sinceMs = options.sinceMs ?? 0;
  const order = options.by === 'day' ? '"group"' : 'calls DESC, "group"';
  if (!Number.isFinite(new Date(sinceMs).getTime())) {
    throw new AppError('INVALID_INPUT', `${sinceMs} is not a time`, { hint: 'Give milliseconds since 1970' });
  }
  return db
    .prepare<[string, string, number], UsageReportRow>(
      `SELECT ${column} AS "group", sum(calls) AS calls, sum(errors) AS errors, sum(input_tokens) AS inputTokens,
              sum(output_tokens) AS outputTokens, sum(model_ms) AS modelMs, sum(turns) AS turns,
              sum(notes_read) AS notesRead, sum(notes_written) AS notesWritten, sum(duration_ms) AS durationMs,
              sum(cost_micro_usd) / 1000000.0 AS costUsd
       FROM usage WHERE day > ? OR (day = ? AND hour >= ?)
       GROUP BY ${column} ORDER BY ${order}`,
    )
    .all(utcDay(sinceMs), utcDay(sinceMs), new Date(sinceMs).getUTCHours());
}
