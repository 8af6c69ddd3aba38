// Makes old usage small: hours become days, days become months, months go where that is asked for. Sums stay as they were.

import type { Db } from '../store/sqlite.ts';
import { utcDay } from './usage-recorder.ts';

export interface UsageRetention {
  hourlyDays: number;
  dailyDays: number;
  /** 0 keeps all. */
  monthlyDays: number;
}

/** A row of the whole day, or of the whole month; months stand on their first day. */
export const WHOLE_DAY = -1;
export const WHOLE_MONTH = -2;

const DAY_MS = 86_400_000;
const COUNTERS = [
  'calls',
  'errors',
  'refused',
  'input_tokens',
  'output_tokens',
  'model_ms',
  'turns',
  'notes_read',
  'notes_written',
  'duration_ms',
  'cost_micro_usd',
];

/** Call it inside a transaction. Returns how many rows went into others, or away. */
export function rollUpUsage(db: Db, retention: UsageRetention, nowMs: number): number {
  const dayBefore = (days: number): string => utcDay(nowMs - days * DAY_MS);
  const monthStart = (day: string): string => `${day.slice(0, 7)}-01`;
  let changed = moveInto(db, WHOLE_DAY, 'day', 'hour >= 0', dayBefore(retention.hourlyDays));
  // Only whole months: a month whose days are partly young would be counted in two places.
  const month = monthStart(dayBefore(retention.dailyDays));
  changed += moveInto(db, WHOLE_MONTH, "substr(day, 1, 7) || '-01'", `hour <> ${WHOLE_MONTH}`, month);
  if (retention.monthlyDays > 0) {
    changed += db.prepare('DELETE FROM usage WHERE day < ?').run(monthStart(dayBefore(retention.monthlyDays))).changes;
  }
  return changed;
}

function moveInto(db: Db, hour: number, day: string, which: string, beforeDay: string): number {
  const sums = COUNTERS.map((name) => `sum(${name})`).join(', ');
  const adds = COUNTERS.map((name) => `${name} = ${name} + excluded.${name}`).join(', ');
  db.prepare(
    `INSERT INTO usage (day, hour, key_id, tool, backend, ${COUNTERS.join(', ')})
     SELECT ${day}, ${hour}, key_id, tool, backend, ${sums} FROM usage WHERE ${which} AND day < ?
     GROUP BY 1, key_id, tool, backend
     ON CONFLICT (day, hour, key_id, tool, backend) DO UPDATE SET ${adds}`,
  ).run(beforeDay);
  return db.prepare(`DELETE FROM usage WHERE ${which} AND day < ?`).run(beforeDay).changes;
}
