// What each account has spent by day and by month, for its budgets. Written inside the transaction of the audit's outcome
// record, as usage is, and kept apart from it: the rows of usage are rolled up and thrown away, and a budget asks before
// every turn. An account is the first key of a line of rotations, or whoever is no key.

import { toMicroUsd } from '../lib/micro-usd.ts';
import type { Db } from '../store/sqlite.ts';
import { utcDay, type UsageEntry } from './usage-recorder.ts';

export interface PeriodSpending {
  tokens: number;
  microUsd: number;
}

/** Days that no budget asks for any more; a wall clock that is set back by less still finds its day. */
const KEPT_MS = 40 * 86_400_000;

/** The returned function adds one call to its day and its month; call it inside a transaction. */
export function createSpendingRecorder(db: Db): (entry: Pick<UsageEntry, 'timeMs' | 'keyId' | 'usage'>) => void {
  const upsert = db.prepare(`
    WITH RECURSIVE line (id, older) AS (
      SELECT id, rotated_from FROM api_keys WHERE id = :keyId
      UNION SELECT key.id, key.rotated_from FROM api_keys AS key JOIN line ON key.id = line.older
    )
    INSERT INTO budget_spending (account, period, tokens, micro_usd)
    VALUES (coalesce((SELECT id FROM line WHERE older IS NULL), :keyId), :period, :tokens, :microUsd)
    ON CONFLICT (account, period) DO UPDATE SET
      tokens = tokens + excluded.tokens,
      micro_usd = micro_usd + excluded.micro_usd`);
  const forget = db.prepare('DELETE FROM budget_spending WHERE length(period) = 10 AND period < ?');
  let seenDay = '';
  return ({ timeMs, keyId, usage }) => {
    const tokens = tokensOf(usage);
    const microUsd = toMicroUsd(usage.costUsd ?? 0);
    if (tokens === 0 && microUsd === 0) return;
    const day = utcDay(timeMs);
    for (const period of [day, day.slice(0, 7)]) upsert.run({ keyId, period, tokens, microUsd });
    if (day === seenDay) return;
    seenDay = day;
    forget.run(utcDay(timeMs - KEPT_MS));
  };
}

/** The returned function takes an account and a period: `2026-11-24` or `2026-11`, UTC. */
export function createSpentReader(db: Db): (account: string, period: string) => PeriodSpending {
  const select = db.prepare<[string, string], PeriodSpending>(
    'SELECT tokens, micro_usd AS microUsd FROM budget_spending WHERE account = ? AND period = ?',
  );
  return (account, period) => select.get(account, period) ?? { tokens: 0, microUsd: 0 };
}

/** In and out, as the usage row counts them. */
export function tokensOf({ inputTokens, outputTokens }: UsageEntry['usage']): number {
  return count(inputTokens) + count(outputTokens);
}

function count(value: number | undefined): number {
  return value !== undefined && value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}
