// core.db: keys, audit, usage. What is committed here survives a power cut (WAL, synchronous=FULL); a second process (the
// CLI) may open it beside the daemon.

import { join } from 'node:path';
import { initMigration } from './migrations/0001-init.ts';
import { cloudSpendingMigration } from './migrations/0002-cloud-spending.ts';
import { keyPolicyMigration } from './migrations/0003-key-policy.ts';
import { provableAuditMigration } from './migrations/0004-provable-audit.ts';
import { budgetSpendingMigration } from './migrations/0005-budget-spending.ts';
import { runMigrations } from './migration-runner.ts';
import type { Migration } from './migration-runner.ts';
import { makePrivateDirectory, openSqlite, storeFailed } from './sqlite.ts';
import type { Db } from './sqlite.ts';

export interface CoreStoreOptions {
  /** The state directory; made (0700) if it is missing. */
  directory: string;
  /** Default 1000; blocks the event loop while it waits. */
  busyTimeoutMs?: number;
}

export interface CoreStore extends Disposable {
  readonly db: Db;
  readonly directory: string;
  readonly path: string;
  readonly schemaVersion: number;
  /** A write that changes nothing anyone reads: tells if the disk takes writes (for `createGroupCommit`). */
  probeWrite(): void;
  close(): void;
}

export const CORE_MIGRATIONS: readonly Migration[] = [
  initMigration,
  cloudSpendingMigration,
  keyPolicyMigration,
  provableAuditMigration,
  budgetSpendingMigration,
];

export function openCoreStore(options: CoreStoreOptions): CoreStore {
  makePrivateDirectory(options.directory);
  const path = join(options.directory, 'core.db');
  const db = openSqlite({ path, synchronous: 'FULL', busyTimeoutMs: options.busyTimeoutMs ?? 1000 });
  const close = (): void => {
    if (db.open) db.close();
  };
  try {
    const schemaVersion = runMigrations(db, CORE_MIGRATIONS);
    const probe = db.prepare('UPDATE write_probe SET probes = probes + 1');
    const probeWrite = (): void => void probe.run();
    return { db, directory: options.directory, path, schemaVersion, probeWrite, close, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw storeFailed(path, error);
  }
}
