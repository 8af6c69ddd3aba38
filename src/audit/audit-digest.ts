// Keyed digests of arguments and replies: equal content gives an equal digest, and without the key nobody can guess the
// content from it. The key is made once (32 random bytes, 0600) and never leaves the state directory.

import { createHmac, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

const KEY_BYTES = 32;

/** Reads the key, or makes it if there is none; throws `STORE_FAILED` if the file is not a key. */
export function loadAuditKey(keyFile: string): Buffer {
  try {
    const existing = readIfThere(keyFile);
    const key = existing ?? createKey(keyFile);
    if (key.length === KEY_BYTES) {
      if ((statSync(keyFile).mode & 0o177) !== 0) chmodSync(keyFile, 0o600);
      return key;
    }
  } catch (error) {
    throw new AppError('STORE_FAILED', `Can't use ${keyFile} (${systemErrorCode(error) ?? 'unknown error'})`, {
      hint: 'Make the state directory writable for the user mem-agent runs as, with free space on its disk',
      cause: error,
    });
  }
  throw new AppError('STORE_FAILED', `${keyFile} is not a key of ${KEY_BYTES} bytes`, {
    hint: 'Restore it from a backup; if it is lost, remove it: old digests can then no longer be compared with new ones',
  });
}

export function keyedDigest(key: Buffer, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** JSON of arguments or a reply, `null` where there is none. */
export function contentText(value: unknown): string | null {
  if (value === undefined) return null;
  return JSON.stringify(value) ?? null;
}

/** Two processes may start at once: a hard link is the step that only one of them wins. */
function createKey(keyFile: string): Buffer {
  const temporary = `${keyFile}.${process.pid}.${randomBytes(6).toString('hex')}`;
  try {
    writeFileSync(temporary, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, keyFile);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return readFileSync(keyFile);
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
