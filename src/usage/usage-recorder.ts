// Adds one call to the hourly usage of a key, a tool and a backend. Runs inside the transaction of the audit's outcome
// record, so that usage and audit can't disagree.

import { toMicroUsd } from '../lib/micro-usd.ts';
import type { Db } from '../store/sqlite.ts';

/** Structurally what `audit/` hands over with an outcome. */
export interface UsageEntry {
  timeMs: number;
  keyId: string;
  isError: boolean;
  /** Denied before it did anything; counts as a call, not as an error. */
  isRefused?: boolean;
  durationMs: number;
  usage: {
    tool: string;
    backend?: string;
    inputTokens?: number;
    outputTokens?: number;
    modelMs?: number;
    turns?: number;
    notesRead?: number;
    notesWritten?: number;
    costUsd?: number;
  };
}

const HOUR_MS = 3_600_000;

/** The returned function writes one row (insert or add); call it inside a transaction. */
export function createUsageRecorder(db: Db): (entry: UsageEntry) => void {
  const upsert = db.prepare(`
    INSERT INTO usage (day, hour, key_id, tool, backend, calls, errors, refused, input_tokens, output_tokens, model_ms,
                       turns, notes_read, notes_written, duration_ms, cost_micro_usd)
    VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (day, hour, key_id, tool, backend) DO UPDATE SET
      calls = calls + 1,
      errors = errors + excluded.errors,
      refused = refused + excluded.refused,
      input_tokens = input_tokens + excluded.input_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      model_ms = model_ms + excluded.model_ms,
      turns = turns + excluded.turns,
      notes_read = notes_read + excluded.notes_read,
      notes_written = notes_written + excluded.notes_written,
      duration_ms = duration_ms + excluded.duration_ms,
      cost_micro_usd = cost_micro_usd + excluded.cost_micro_usd`);
  let hourNumber = -1;
  let day = '';
  return ({ timeMs, keyId, isError, isRefused = false, durationMs, usage }) => {
    const currentHour = Math.floor(timeMs / HOUR_MS);
    if (currentHour !== hourNumber) {
      hourNumber = currentHour;
      day = utcDay(timeMs);
    }
    upsert.run(
      day,
      currentHour % 24,
      keyId,
      usage.tool,
      usage.backend ?? '',
      isError ? 1 : 0,
      isRefused ? 1 : 0,
      count(usage.inputTokens),
      count(usage.outputTokens),
      count(usage.modelMs),
      count(usage.turns),
      count(usage.notesRead),
      count(usage.notesWritten),
      count(durationMs),
      toMicroUsd(usage.costUsd ?? 0),
    );
  };
}

/** `2026-11-23`, in UTC. */
export function utcDay(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

/** Whole and never negative, whatever a backend claims: a STRICT column would refuse the outcome record with it. */
function count(value: number | undefined): number {
  return value !== undefined && value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}
