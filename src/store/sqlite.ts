// Opens one SQLite file the way all of mem-agent's files are opened: private on disk, WAL, and with the durability that
// was asked for proven by reading it back. better-sqlite3 silently runs WAL at NORMAL, hence the assertion.

import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { sqliteCode } from './sqlite-failure.ts';

export type Db = Database.Database;
export type Statement<Parameters extends unknown[], Row = unknown> = Database.Statement<Parameters, Row>;

export interface SqliteOptions {
  path: string;
  synchronous: 'FULL' | 'NORMAL';
  /** How long a statement waits for another process; it blocks the event loop, so keep it short. */
  busyTimeoutMs: number;
}

const SYNCHRONOUS_LEVEL = { NORMAL: 1, FULL: 2 } as const;

/** First release without the WAL-reset bug that corrupts a file shared by two connections. */
export const MINIMUM_SQLITE_VERSION = '3.51.3';

export function openSqlite(options: SqliteOptions): Db {
  preparePrivateFile(options.path);
  const db = openFile(options.path, options.busyTimeoutMs);
  try {
    assertSqliteVersion(String(db.prepare('SELECT sqlite_version()').pluck().get()));
    setPragmas(db, options);
    return db;
  } catch (error) {
    db.close();
    throw storeFailed(options.path, error);
  }
}

export function assertSqliteVersion(version: string): void {
  if (compareVersions(version, MINIMUM_SQLITE_VERSION) >= 0) return;
  throw new AppError('STORE_FAILED', `SQLite ${version} can corrupt a database in WAL mode`, {
    hint: `Reinstall with "npm ci" so that better-sqlite3 brings SQLite ${MINIMUM_SQLITE_VERSION} or newer`,
  });
}

/** Makes a directory that only its owner may enter, or tightens the one that is there. */
export function makePrivateDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700);
  } catch (error) {
    throw storeFailed(directory, error);
  }
}

/** Turns whatever went wrong with a file of the store into an error that names the file and the fix. */
export function storeFailed(path: string, error: unknown): AppError {
  if (error instanceof AppError) return error;
  const code = sqliteCode(error) ?? systemErrorCode(error) ?? 'unknown error';
  return new AppError('STORE_FAILED', `Can't use ${path} (${code})`, { hint: hintFor(code, path), cause: error });
}

function hintFor(code: string, path: string): string {
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return `A file stands where a directory is needed: set state.dir elsewhere`;
  if (code === 'ENOSPC' || code === 'SQLITE_FULL') return `Free space on the disk that holds ${dirname(path)}`;
  if (code === 'SQLITE_NOTADB' || code === 'SQLITE_CORRUPT') return 'Restore the file from a backup, or move it away';
  if (code.startsWith('SQLITE_BUSY')) return 'Another process holds it: stop that one, then try again';
  return `Make ${dirname(path)} writable for the user mem-agent runs as, or set state.dir elsewhere`;
}

function preparePrivateFile(path: string): void {
  try {
    // SQLite gives -wal and -shm the mode of the main file, so it has to be right before the first open.
    closeSync(openSync(path, 'a', 0o600));
    if ((statSync(path).mode & 0o177) !== 0) chmodSync(path, 0o600);
  } catch (error) {
    throw storeFailed(path, error);
  }
}

function openFile(path: string, busyTimeoutMs: number): Db {
  try {
    return new Database(path, { timeout: busyTimeoutMs });
  } catch (error) {
    throw storeFailed(path, error);
  }
}

function setPragmas(db: Db, options: SqliteOptions): void {
  const journal = db.pragma('journal_mode = WAL', { simple: true });
  db.pragma(`synchronous = ${options.synchronous}`);
  db.pragma('foreign_keys = ON');
  // Without it INSERT OR REPLACE would delete rows behind the back of the triggers that forbid deletes.
  db.pragma('recursive_triggers = ON');
  db.pragma('trusted_schema = OFF');
  db.pragma('journal_size_limit = 16777216');
  const synchronous = db.pragma('synchronous', { simple: true });
  if (journal !== 'wal' || synchronous !== SYNCHRONOUS_LEVEL[options.synchronous]) {
    throw new AppError('STORE_FAILED', `${options.path} runs at journal ${String(journal)}/${String(synchronous)}`, {
      hint: 'Put state.dir on a local file system: SQLite needs WAL and real fsync',
    });
  }
}

function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((version) => version.split('.').map(Number));
  for (let index = 0; index < 3; index += 1) {
    const difference = (a?.[index] ?? 0) - (b?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
