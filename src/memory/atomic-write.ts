// Replaces or makes one file so that any reader, and any crash, sees the old bytes or the new ones, never a mixture.
// Temp files lie in the same directory (same file system) under a hidden, recognisable name; leftovers are swept.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const TEMP_PREFIX = '.mem-agent-tmp-';
const NEW_FILE_MODE = 0o600;

export function isTempName(name: string): boolean {
  return name.startsWith(TEMP_PREFIX);
}

export interface AtomicWriteOptions {
  /** A path that reaches the pinned parent directory. */
  parent: string;
  name: string;
  bytes: Uint8Array;
  /** Mode of the file that is replaced; new files get 0600. */
  mode?: number;
  /** Last look before the rename; what it throws cancels the write. */
  beforeRename?: () => void;
}

export async function writeAtomically(options: AtomicWriteOptions): Promise<void> {
  const temp = join(options.parent, `${TEMP_PREFIX}${process.pid}-${randomBytes(6).toString('hex')}`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(temp, flags, NEW_FILE_MODE);
  try {
    try {
      await file.writeFile(options.bytes);
      if (options.mode !== undefined) await file.chmod(options.mode & 0o777);
      await file.sync();
    } finally {
      await file.close();
    }
    options.beforeRename?.();
    await rename(temp, join(options.parent, options.name));
  } catch (error) {
    await rm(temp, { force: true });
    throw error;
  }
  await syncDirectory(options.parent);
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes one directory (0700) durably; one that exists already is fine. */
export async function makeDirectory(parent: string, name: string): Promise<void> {
  try {
    await mkdir(join(parent, name), { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  await syncDirectory(parent);
}
