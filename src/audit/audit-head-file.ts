// `<state>/audit.head`: sequence number and hash of a recent record, beside the database, so that a chain whose end was
// cut off (or a database put back from a copy) is noticed. Replaced atomically; it may lag behind, never run ahead.

import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface ChainHead {
  seq: number;
  hash: string;
}

/** Undefined if there is none; a file that is no head is one nobody can trust: `AUDIT_CHAIN_BROKEN`. */
export function readHeadFile(path: string): ChainHead | undefined {
  const text = readText(path);
  if (text === undefined) return undefined;
  const match = /^(\d{1,15}) ([0-9a-f]{64})\n?$/.exec(text);
  if (match?.[1] !== undefined && match[2] !== undefined) return { seq: Number(match[1]), hash: match[2] };
  throw new AppError('AUDIT_CHAIN_BROKEN', `${path} does not hold a sequence number and a hash`, {
    hint: 'Restore it together with core.db from one backup',
  });
}

/** Synchronous on purpose: once in a thousand records, and the close must not end before it. */
export function writeHeadFile(path: string, head: ChainHead): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    writeFileSync(temporary, `${head.seq} ${head.hash}\n`, { mode: 0o600, flag: 'wx', flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
