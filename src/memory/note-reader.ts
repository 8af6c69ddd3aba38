// Everything that only reads: notes, listings, sizes. Synchronous, always of the disk, never of the index.

import { createHash } from 'node:crypto';
import { isUtf8 } from 'node:buffer';
import { readFileSync, readdirSync, type Dirent } from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import { compareByCodePoint } from './code-point-order.ts';
import { rethrowFileError } from './file-error.ts';
import type { DirectoryEntry, EntryStat, Note } from './memory-root.ts';
import { displayPath, isVisibleName } from './note-path.ts';
import type { PathJail, Pinned } from './path-jail.ts';
import { notADirectory, notAFile, tooLarge } from './refusals.ts';
import { runAtOnce } from './slices.ts';
import { walkFiles } from './walk.ts';

export interface NoteFile {
  path: string;
  sizeBytes: number;
  modifiedAtMs: number;
}

export function versionOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}

export function isNotePath(path: string): boolean {
  return path.length > 3 && path.slice(-3).toLowerCase() === '.md';
}

export class NoteReader {
  readonly #jail: PathJail;
  readonly #maxFileBytes: number;

  constructor(jail: PathJail, maxFileBytes: number) {
    this.#jail = jail;
    this.#maxFileBytes = maxFileBytes;
  }

  readNote(path: string): Note {
    using pinned = this.#jail.pinExisting(this.#jail.parse(path));
    const bytes = this.bytesOf(pinned, path);
    return {
      path: pinned.relative,
      text: decodeText(bytes, path),
      version: versionOf(bytes),
      sizeBytes: bytes.length,
      modifiedAtMs: pinned.stats.mtimeMs,
    };
  }

  readBytes(path: string): Buffer {
    using pinned = this.#jail.pinExisting(this.#jail.parse(path));
    return this.bytesOf(pinned, path);
  }

  bytesOf(pinned: Pinned, path: string): Buffer {
    if (!pinned.stats.isFile()) throw notAFile(path);
    if (pinned.stats.size > this.#maxFileBytes) throw tooLarge(path, pinned.stats.size, this.#maxFileBytes);
    try {
      return readFileSync(pinned.reach);
    } catch (error) {
      rethrowFileError(error, path);
    }
  }

  stat(path: string): EntryStat | null {
    using pinned = this.#jail.pin(this.#jail.parse(path));
    return pinned === null ? null : statOf(pinned);
  }

  listDirectory(path: string): DirectoryEntry[] {
    const parsed = this.#jail.parse(path);
    using pinned = this.#jail.pinExisting(parsed);
    if (!pinned.stats.isDirectory()) throw notADirectory(path);
    let entries: Dirent[];
    try {
      entries = readdirSync(pinned.reach, { withFileTypes: true });
    } catch (error) {
      rethrowFileError(error, path);
    }
    const listed: DirectoryEntry[] = [];
    for (const entry of entries) {
      if (!isVisibleName(entry.name)) continue;
      const kind = this.#kindOf(entry, pinned.relative);
      const below = pinned.relative === '' ? entry.name : `${pinned.relative}/${entry.name}`;
      if (kind !== null && this.#jail.shows(below, kind === 'directory')) listed.push({ name: entry.name, kind });
    }
    return listed.sort((a, b) => compareByCodePoint(a.name, b.name));
  }

  listNotes(): NoteFile[] {
    const notes: NoteFile[] = [];
    const visitor = {
      file: (path: string, stats: { size: number; mtimeMs: number }) => {
        if (isNotePath(path)) notes.push({ path, sizeBytes: stats.size, modifiedAtMs: stats.mtimeMs });
      },
    };
    runAtOnce(walkFiles(this.#jail, '', visitor));
    return notes.sort((a, b) => compareByCodePoint(a.path, b.path));
  }

  /** Paths of all notes as they are met, one entry of a directory a step; `undefined` for one that is no note. */
  *notePaths(): Generator<string | undefined, void, void> {
    let met: string | undefined;
    const walk = walkFiles(this.#jail, '', {
      file: (path) => {
        if (isNotePath(path)) met = path;
      },
    });
    for (const _step of walk) {
      yield met;
      met = undefined;
    }
    if (met !== undefined) yield met;
  }

  sizeBytes(path: string): number {
    using pinned = this.#jail.pinExisting(this.#jail.parse(path));
    if (!pinned.stats.isDirectory()) return pinned.stats.size;
    let total = 0;
    runAtOnce(walkFiles(this.#jail, pinned.relative, { file: (_path, stats) => (total += stats.size) }));
    return total;
  }

  /** Links that leave the root, dangle or loop are nothing, as are sockets and devices. */
  #kindOf(entry: Dirent, parent: string): DirectoryEntry['kind'] | null {
    if (entry.isFile()) return 'file';
    if (entry.isDirectory()) return 'directory';
    if (!entry.isSymbolicLink()) return null;
    try {
      using pinned = this.#jail.pin(parent === '' ? entry.name : `${parent}/${entry.name}`);
      return pinned === null ? null : (statOf(pinned)?.kind ?? null);
    } catch (error) {
      if (error instanceof AppError && error.code === 'PATH_REFUSED') return null;
      throw error;
    }
  }
}

export function decodeText(bytes: Buffer, path: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw new AppError('NOT_TEXT', `'${displayPath(path)}' is not UTF-8 text`, { hint: 'Convert the file to UTF-8' });
}

function statOf(pinned: Pinned): EntryStat | null {
  const { stats, isPassage } = pinned;
  if (!stats.isFile() && !stats.isDirectory()) return null;
  // Its size and time would tell of what else comes and goes in it.
  if (isPassage) return { kind: 'directory', sizeBytes: 0, modifiedAtMs: 0 };
  return { kind: stats.isFile() ? 'file' : 'directory', sizeBytes: stats.size, modifiedAtMs: stats.mtimeMs };
}
