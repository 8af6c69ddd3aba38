// Brings a database to the schema this program knows: forward only, each step in a transaction of its own, and a
// database from a newer program is refused untouched.

import { AppError } from '../lib/app-error.ts';
import type { Db } from './sqlite.ts';

export interface Migration {
  /** 1, 2, 3, … without a hole; kept in `PRAGMA user_version`. */
  version: number;
  name: string;
  sql: string;
}

/** Returns the schema version the database has afterwards. */
export function runMigrations(db: Db, migrations: readonly Migration[]): number {
  const latest = migrations.length;
  if (migrations.some((migration, index) => migration.version !== index + 1)) {
    throw new AppError('INTERNAL', 'Migrations must be numbered 1, 2, 3, … in order');
  }
  refuseNewer(db, latest);
  for (const migration of migrations) {
    db.transaction(() => {
      // Read inside the transaction: another process may have migrated while we waited for the lock.
      const current = schemaVersion(db);
      if (current >= migration.version) return;
      db.exec(migration.sql);
      db.pragma(`user_version = ${migration.version}`);
    }).immediate();
  }
  refuseNewer(db, latest);
  return schemaVersion(db);
}

export function schemaVersion(db: Db): number {
  return Number(db.pragma('user_version', { simple: true }));
}

function refuseNewer(db: Db, latest: number): void {
  const current = schemaVersion(db);
  if (current <= latest) return;
  throw new AppError('SCHEMA_TOO_NEW', `${db.name} has schema ${current}, this program knows ${latest}`, {
    hint: 'Install the mem-agent version that wrote it, or restore the backup made before the upgrade',
  });
}
