// Sorts SQLite's errors: the ones of the disk or a lock (the whole transaction failed, try again later), the ones after
// which nothing may be acknowledged any more, and those of a single statement.

import Database from 'better-sqlite3';

const STORAGE_FAILURE =
  /^SQLITE_(?:FULL|IOERR|READONLY|BUSY|LOCKED|CANTOPEN|PROTOCOL|NOMEM|PERM|AUTH|INTERRUPT|CORRUPT|NOTADB|NOLFS)/;

/** The extended result code (`SQLITE_FULL`, `SQLITE_IOERR_WRITE`, …), or undefined if SQLite didn't throw it. */
export function sqliteCode(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

/** True if the file, the disk or a lock is to blame, so that every statement would have failed. */
export function isStorageFailure(error: unknown): boolean {
  return STORAGE_FAILURE.test(sqliteCode(error) ?? '');
}

/** True if the file's content is not a sound database. */
export function isCorruption(error: unknown): boolean {
  return /^SQLITE_(?:CORRUPT|NOTADB)/.test(sqliteCode(error) ?? '');
}

/** True if what was acknowledged before may no longer hold: the process should stop, not retry. */
export function isFatalFailure(error: unknown): boolean {
  return isCorruption(error) || /^SQLITE_IOERR_(?:FSYNC|DIR_FSYNC|CORRUPTFS|DATA)$/.test(sqliteCode(error) ?? '');
}

/** What an operator can do about a failed write to the file at `path`. */
export function writeFailureHint(error: unknown, path: string): string {
  const code = sqliteCode(error) ?? '';
  if (code === 'SQLITE_FULL') return `Free space on the disk that holds ${path}; mem-agent goes on by itself`;
  if (code.startsWith('SQLITE_READONLY')) return `Make ${path} and its directory writable; mem-agent goes on by itself`;
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return `Another process holds ${path}: end it, then try again`;
  }
  if (isCorruption(error)) return `Stop mem-agent and restore ${path} from a backup`;
  return `Check the disk that holds ${path} (dmesg, free space, permissions)`;
}
