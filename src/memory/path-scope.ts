// The part of a root that one caller may see, and the part of that it may change. Pure: looks at no disk.
// Guarantee: it judges paths as the jail resolved them; an entry that is no path of a note allows nothing.

import { AppError } from '../lib/app-error.ts';
import { parseNotePath } from './note-path.ts';

/** `projects/` is a folder with all below it, `user.md` one note; a list that is left out allows every path. */
export interface ScopedPaths {
  readPaths?: readonly string[] | undefined;
  writePaths?: readonly string[] | undefined;
}

export interface PathSet {
  /** `''` is the whole root. */
  folders: readonly string[];
  notes: readonly string[];
}

export interface PathScope {
  /** What may be read; null is everything. */
  readonly readable: PathSet | null;
  readonly canWrite: boolean;
  mayRead(path: string): boolean;
  /** True only for what may be read as well. */
  mayWrite(path: string): boolean;
  /** A folder on the way to something readable; of it no more is seen than that. */
  isPassage(path: string): boolean;
}

/** Null when nothing is restricted. */
export function createPathScope({ readPaths, writePaths }: ScopedPaths): PathScope | null {
  if (readPaths === undefined && writePaths === undefined) return null;
  const readable = readPaths === undefined ? null : parsePathSet(readPaths);
  const writable = writePaths === undefined ? null : parsePathSet(writePaths);
  const ends = readable === null ? [] : [...readable.folders, ...readable.notes];
  const mayRead = (path: string): boolean => readable === null || covers(readable, path);
  return {
    readable,
    canWrite: writePaths === undefined || writePaths.length > 0,
    mayRead,
    mayWrite: (path) => mayRead(path) && (writable === null || covers(writable, path)),
    isPassage: (path) => path === '' || ends.some((end) => end.startsWith(`${path.normalize('NFC')}/`)),
  };
}

function covers({ folders, notes }: PathSet, path: string): boolean {
  // The disk may hold either Unicode form of a name: the same name to a person.
  const name = path.normalize('NFC');
  return notes.includes(name) || folders.some((folder) => isInside(name, folder));
}

function isInside(path: string, folder: string): boolean {
  return folder === '' || path === folder || path.startsWith(`${folder}/`);
}

function parsePathSet(entries: readonly string[]): PathSet {
  const folders: string[] = [];
  const notes: string[] = [];
  for (const entry of entries) {
    const path = parseEntry(entry);
    if (path === undefined) continue;
    if (entry.endsWith('/')) folders.push(path);
    else if (path !== '') notes.push(path);
  }
  // What lies in another folder of the list adds nothing.
  const outer = folders.filter((folder, at) =>
    folders.every((other, place) => at === place || !isInside(folder, other) || (folder === other && at < place)),
  );
  return { folders: outer, notes: notes.filter((note) => !outer.some((folder) => isInside(note, folder))) };
}

function parseEntry(entry: string): string | undefined {
  try {
    return parseNotePath(entry).normalize('NFC');
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}
