// index.db: what can be rebuilt from the notes at any time. A file that is corrupt, foreign or of another schema is
// removed and made anew, never repaired; nothing of record may live here (synchronous=NORMAL).

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '../lib/app-error.ts';
import { schemaVersion } from './migration-runner.ts';
import { isCorruption } from './sqlite-failure.ts';
import { makePrivateDirectory, openSqlite, storeFailed } from './sqlite.ts';
import type { Db } from './sqlite.ts';

export interface IndexStoreOptions {
  directory: string;
  /** Default `index.db`. */
  fileName?: string;
  /** Any change of `sql` needs a new `version` (1 or more); an older or newer file is then dropped. */
  schema: { version: number; sql: string };
  busyTimeoutMs?: number;
}

export interface IndexStore extends Disposable {
  /** Changes with `recreate()`: statements prepared on the old handle are dead then. */
  readonly db: Db;
  readonly path: string;
  /** True if the index starts empty, so that a full build is due. */
  readonly isNew: boolean;
  /** Drops the file and starts an empty one; for when a query finds it corrupt. */
  recreate(): Db;
  close(): void;
}

export function openIndexStore(options: IndexStoreOptions): IndexStore {
  makePrivateDirectory(options.directory);
  const path = join(options.directory, options.fileName ?? 'index.db');
  let { db, isNew } = openOrRebuild(path, options);
  const close = (): void => {
    if (db.open) db.close();
  };
  return {
    get db() {
      return db;
    },
    get isNew() {
      return isNew;
    },
    path,
    recreate() {
      close();
      removeDatabase(path);
      ({ db, isNew } = openOrRebuild(path, options));
      return db;
    },
    close,
    [Symbol.dispose]: close,
  };
}

function openOrRebuild(path: string, options: IndexStoreOptions): { db: Db; isNew: boolean } {
  try {
    const existing = openSound(path, options);
    if (existing !== undefined) return existing;
  } catch (error) {
    const cause = error instanceof AppError ? error.cause : error;
    if (!isCorruption(cause)) throw storeFailed(path, error);
  }
  removeDatabase(path);
  const fresh = openSound(path, options);
  if (fresh === undefined) throw new AppError('INTERNAL', 'The schema of the index must have a version of 1 or more');
  return fresh;
}

/** Undefined if a file of another schema is there. */
function openSound(path: string, options: IndexStoreOptions): { db: Db; isNew: boolean } | undefined {
  const db = openSqlite({ path, synchronous: 'NORMAL', busyTimeoutMs: options.busyTimeoutMs ?? 1000 });
  try {
    const found = schemaVersion(db);
    const tables = Number(db.prepare('SELECT count(*) FROM sqlite_schema').pluck().get());
    if (found === options.schema.version) return { db, isNew: false };
    if (found === 0 && tables === 0) {
      db.transaction(() => {
        db.exec(options.schema.sql);
        db.pragma(`user_version = ${options.schema.version}`);
      }).immediate();
      return { db, isNew: true };
    }
  } catch (error) {
    db.close();
    throw error;
  }
  db.close();
  return undefined;
}

function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}
