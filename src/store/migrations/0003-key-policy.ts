// What a key may do beyond its scopes: paths, tools, networks, limits, as JSON. Every key made before it is as free as it was.

import type { Migration } from '../migration-runner.ts';

export const keyPolicyMigration: Migration = {
  version: 3,
  name: 'key-policy',
  sql: `ALTER TABLE api_keys ADD COLUMN policy TEXT NOT NULL DEFAULT '{}'`,
};
