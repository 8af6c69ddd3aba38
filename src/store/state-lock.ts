// One daemon a state directory, one server a socket: an exclusive lock on a tiny SQLite file, which the kernel lets go when the
// process dies, however it dies. Nobody else in this process may open that file: closing it would drop the POSIX lock.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { sqliteCode } from './sqlite-failure.ts';
import { makePrivateDirectory, storeFailed } from './sqlite.ts';

export interface StateLock extends Disposable {
  release(): void;
}

/** Throws `STATE_LOCKED` at once (no waiting) if another process, or this one, holds the directory. */
export function lockState(directory: string): StateLock {
  makePrivateDirectory(directory);
  return lockFile(join(directory, 'lock'), (holder, cause) => {
    const hint = 'Stop that one (systemctl stop mem-agent), talk to it instead, or set state.dir elsewhere';
    return new AppError('STATE_LOCKED', `${directory} is in use by another mem-agent${holder}`, { hint, cause });
  });
}

/** Locks `PATH.db`, with the holder's pid in `PATH.pid`; the directory is there. `held` makes the error of a second one. */
export function lockFile(path: string, held: (holder: string, cause: unknown) => AppError): StateLock {
  const holderPath = `${path}.pid`;
  const db = openLockFile(`${path}.db`);
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    db.exec('BEGIN EXCLUSIVE');
    writeFileSync(holderPath, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    db.close();
    throw sqliteCode(error)?.startsWith('SQLITE_BUSY') === true
      ? held(readHolder(holderPath), error)
      : storeFailed(`${path}.db`, error);
  }
  const release = (): void => {
    if (db.open) db.close();
  };
  return { release, [Symbol.dispose]: release };
}

function openLockFile(path: string): Database.Database {
  try {
    createOnce(path);
    return new Database(path, { timeout: 0 });
  } catch (error) {
    throw storeFailed(path, error);
  }
}

/** With 0600 from the start, and never opened if it is there: closing it would drop a lock this process holds. */
function createOnce(path: string): void {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

/** Told to people only: the lock itself is what counts. */
function readHolder(holderPath: string): string {
  try {
    const pid = Number.parseInt(readFileSync(holderPath, 'utf8'), 10);
    return Number.isSafeInteger(pid) ? ` (process ${pid})` : '';
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'EACCES') return '';
    throw error;
  }
}
