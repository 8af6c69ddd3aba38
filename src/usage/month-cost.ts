// What an account has spent on cloud models in a month, as the usage rows say. An account is a key and every key that
// was rotated from it, so that a rotation brings no second budget.

import type { Db } from '../store/sqlite.ts';

/** The returned function takes the first key of the account and a month such as `2026-11` (UTC). */
export function createMonthCost(db: Db): (account: string, month: string) => number {
  const sum = db
    .prepare<[string, string, string], number>(
      `WITH RECURSIVE account (key_id) AS (
         SELECT ? UNION SELECT id FROM api_keys JOIN account ON rotated_from = account.key_id
       )
       SELECT coalesce(sum(cost_micro_usd), 0) FROM usage
       WHERE key_id IN (SELECT key_id FROM account) AND day BETWEEN ? AND ?`,
    )
    .pluck();
  return (account, month) => sum.get(account, `${month}-01`, `${month}-31`) ?? 0;
}
