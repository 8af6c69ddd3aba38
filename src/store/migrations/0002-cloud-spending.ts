// What a key may spend on cloud models, and what was spent. Every key made before it has no consent and no budget.

import type { Migration } from '../migration-runner.ts';

export const cloudSpendingMigration: Migration = {
  version: 2,
  name: 'cloud-spending',
  sql: `
    ALTER TABLE api_keys ADD COLUMN cloud_consent INTEGER NOT NULL DEFAULT 0 CHECK (cloud_consent IN (0, 1));
    ALTER TABLE api_keys ADD COLUMN cloud_budget_micro_usd INTEGER NOT NULL DEFAULT 0
      CHECK (cloud_budget_micro_usd >= 0);

    ALTER TABLE usage ADD COLUMN cost_micro_usd INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX usage_by_key ON usage (key_id, day);
  `,
};
