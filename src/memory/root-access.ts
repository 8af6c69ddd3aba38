// Whether the directory of a root can be used right now: it may go away (a mount, a sync tool, an operator), become read-only, and
// come back, all under a daemon that runs on. Guarantee: asked at each call, so what is repaired works without a restart.

import { accessSync, constants, statSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface RootAccess {
  /** Why there is nothing to read; null: there is. */
  missing(): AppError | null;
  /** Why nothing may be written, and what would change that; null: it may be. */
  unwritable(): AppError | null;
  /** Why it can't be used as the configuration means it. */
  problem(): AppError | null;
}

export interface RootAccessOptions {
  name: string;
  directory: string;
  /** By the operator's choice. */
  isReadOnly: boolean;
}

export function createRootAccess({ name, directory, isReadOnly }: RootAccessOptions): RootAccess {
  const byChoice = new AppError('PERMISSION_DENIED', `The memory root ${name} is read-only`, {
    hint: 'Use a key of a root that may be written, or take readonly=true out of its entry in memory.roots and restart',
  });
  const missing = (): AppError | null => whyMissing(directory);
  const unwritable = (): AppError | null => missing() ?? (isReadOnly ? byChoice : whyReadOnly(directory));
  return { missing, unwritable, problem: () => (isReadOnly ? missing() : unwritable()) };
}

function whyMissing(directory: string): AppError | null {
  let why = 'it is a file';
  try {
    const stats = statSync(directory, { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) return null;
    if (stats === undefined) why = 'ENOENT';
  } catch (error) {
    why = systemErrorCode(error) ?? 'unknown';
  }
  return new AppError('MEMORY_UNAVAILABLE', `The memory directory is not there (${why})`, {
    hint: 'Bring it back (mount it, restore it, or correct memory.dir or memory.roots); mem-agent goes on by itself',
  });
}

function whyReadOnly(directory: string): AppError | null {
  try {
    accessSync(directory, constants.W_OK);
    return null;
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown';
    return new AppError('PERMISSION_DENIED', `The memory directory is not writable (${code}); notes can be read only`, {
      hint: 'Make it writable for the user mem-agent runs as; mem-agent goes on by itself',
    });
  }
}
