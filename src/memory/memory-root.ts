// The contract of one memory root: every read and write of a note goes through it, jailed, atomic, one writer at a time.

import type { ScopedPaths } from './path-scope.ts';

export interface Note {
  /** Relative to the root, `/` as separator, no leading slash, NFC as stored on disk. */
  path: string;
  text: string;
  /** First 32 hex digits of the SHA-256 of the bytes. */
  version: string;
  sizeBytes: number;
  modifiedAtMs: number;
}

export interface EntryStat {
  kind: 'file' | 'directory';
  sizeBytes: number;
  modifiedAtMs: number;
}

export interface DirectoryEntry {
  name: string;
  kind: 'file' | 'directory';
}

export interface SearchHit {
  path: string;
  title: string;
  snippet: string;
  score: number;
}

/** Called under the root's lock, before the effect; if it throws, nothing happens. */
export type BeforeEffect = (operation: {
  operation: string;
  path: string;
  before?: string;
  after?: string;
}) => Promise<void>;

export interface WriteOptions {
  /** A version, or null for "must not exist yet"; left out = whatever is there is replaced. Else `VERSION_CONFLICT`. */
  expectedVersion?: string | null;
  beforeEffect?: BeforeEffect;
  /** Paths, as the jail resolves them, that may be changed; left out = all. A scoped view sets it. Else `PERMISSION_DENIED`. */
  allows?: (path: string) => boolean;
}

export type DirectoryOptions = Pick<WriteOptions, 'beforeEffect' | 'allows'>;

/**
 * Reads are synchronous and always of the disk; what may have to look at every note (`search`, `resolveLink`) lets the event
 * loop turn, and is MEMORY_UNAVAILABLE when the index is not there yet and time ran out before anything was found. Writes wait for the root's lock, are atomic and durable when they resolve.
 * Errors: PATH_REFUSED, NOT_FOUND, NOT_A_FILE, NOT_A_DIRECTORY, NOT_TEXT, PERMISSION_DENIED, TOO_LARGE, QUOTA_EXCEEDED,
 * DISK_FULL, VERSION_CONFLICT, NO_MATCH, NO_CHANGE, MEMORY_UNAVAILABLE.
 */
export interface MemoryRoot extends AsyncDisposable {
  readonly name: string;
  readonly directory: string;
  /** Begins to index in the background and to follow outside edits. */
  start(): void;
  readNote(path: string): Note;
  readBytes(path: string): Buffer;
  /** null when nothing is there; throws only PATH_REFUSED and PERMISSION_DENIED. `''` and `.` are the root. */
  stat(path: string): EntryStat | null;
  /** Sorted by name, dot entries left out. */
  listDirectory(path: string): DirectoryEntry[];
  /** All Markdown notes, sorted by path. */
  listNotes(): { path: string; sizeBytes: number; modifiedAtMs: number }[];
  /** The tree exactly as the original's `list_files()` prints it (first line `./`). */
  tree(): string;
  /** Bytes of a file, or of all files under a directory (`''` = root). */
  sizeBytes(path: string): number;
  /** Path of the note that `[[target|alias#heading]]`, a bare path or a title names, or null. */
  resolveLink(link: string, fromPath?: string): Promise<string | null>;
  writeNote(path: string, text: string, options?: WriteOptions): Promise<{ version: string; created: boolean }>;
  /** Reads, replaces the first occurrence and writes under the lock. */
  replaceInNote(path: string, oldText: string, newText: string, options?: WriteOptions): Promise<{ version: string }>;
  deleteNote(path: string, options?: WriteOptions): Promise<void>;
  createDirectory(path: string, options?: DirectoryOptions): Promise<void>;
  removeDirectory(path: string, options?: DirectoryOptions): Promise<void>;
  rename(from: string, to: string, options?: WriteOptions): Promise<void>;
  /** Best first. Before the index is complete they are the best of the notes that could be read in a few seconds. */
  search(query: string, limit: number): Promise<SearchHit[]>;
  /** Grows with each own change, and with each outside edit as soon as it is seen (at the latest by the next sweep). */
  revision(): number;
  /** Whether the path, or what it leads to, is out of the root or of what this caller may reach; for who watches refusals: it
   * knows more than the caller may hear. */
  leadsOut(path: string, access: 'read' | 'write'): boolean;
  /** Whether this caller may change what is, or would be, at the path. */
  mayWrite(path: string): boolean;
  /** The same root for a caller with these paths: what it may not read is not there. Needs no closing. */
  scopedTo(paths: ScopedPaths): MemoryRoot;
  /** Why the directory can't be used as it is configured (gone, not writable) and what to do; '' if it can. */
  problem(): string;
  /** For `/health`, `memory_status` and metrics. */
  status(): {
    notes: number;
    sizeBytes: number;
    index: 'building' | 'ready' | 'failed';
    indexedNotes: number;
    indexLagMs: number;
    writable: boolean;
    reason: string;
  };
}
