// What each account (the first key of a line of rotations) has spent by day and by month, begun with what usage knows.

import type { Migration } from '../migration-runner.ts';

/** Usage rows of a whole month stand on its first day; they belong to no day. */
const seed = (period: string, where: string): string => `
    INSERT INTO budget_spending (account, period, tokens, micro_usd)
      WITH RECURSIVE line (key_id, account) AS (
        SELECT id, id FROM api_keys WHERE rotated_from IS NULL
        UNION ALL SELECT id, account FROM api_keys JOIN line ON rotated_from = line.key_id
      )
      SELECT coalesce(account, usage.key_id), ${period}, sum(input_tokens + output_tokens), sum(cost_micro_usd)
      FROM usage LEFT JOIN line ON line.key_id = usage.key_id
      WHERE ${where} GROUP BY 1, 2;`;

export const budgetSpendingMigration: Migration = {
  version: 5,
  name: 'budget-spending',
  sql: `
    CREATE TABLE budget_spending (
      account TEXT NOT NULL,
      period TEXT NOT NULL,
      tokens INTEGER NOT NULL,
      micro_usd INTEGER NOT NULL,
      PRIMARY KEY (account, period)
    ) STRICT, WITHOUT ROWID;
    ${seed('day', 'hour >= -1')}
    ${seed('substr(day, 1, 7)', 'true')}
  `,
};
