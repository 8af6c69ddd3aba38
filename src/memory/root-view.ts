// The contract of a memory root over its parts: for the whole of it, or for a caller that may see and change some paths only.
// Guarantee: a scoped view reads through a jail, and searches an index, in which the other notes don't exist.

import type { Clock } from '../lib/clock.ts';
import { leadsOut } from './leads-out.ts';
import { resolveLink } from './links.ts';
import type { MemoryRoot, WriteOptions } from './memory-root.ts';
import type { NoteIndex } from './note-index.ts';
import type { NoteIndexer } from './note-indexer.ts';
import { NoteReader } from './note-reader.ts';
import { NoteSearch } from './note-search.ts';
import type { NoteWriter } from './note-writer.ts';
import type { PathJail } from './path-jail.ts';
import { createPathScope, type PathScope } from './path-scope.ts';
import type { RootAccess } from './root-access.ts';
import type { RootCounts } from './root-counts.ts';
import type { RootRevision } from './root-revision.ts';
import { createScopedIndex } from './scoped-index.ts';
import { renderTree } from './tree.ts';

export interface RootParts {
  name: string;
  directory: string;
  jail: PathJail;
  index: NoteIndex;
  indexer: NoteIndexer;
  writer: NoteWriter;
  counts: RootCounts;
  revision: RootRevision;
  maxFileBytes: number;
  scanLimitMs: number;
  access: RootAccess;
  clock: Clock;
}

/** So few notes are read faster than their words are picked out of an index that is mostly about others. */
const SCANNED_NOTES = 500;

export function createRootView(parts: RootParts, scope: PathScope | null): MemoryRoot {
  const { name, directory, indexer, writer, revision, access } = parts;
  const jail = scope === null ? parts.jail : parts.jail.withScope(scope);
  const reader = new NoteReader(jail, parts.maxFileBytes);
  const index = scope === null ? parts.index : createScopedIndex(parts.index, scope);
  const isIndexComplete = (): boolean => {
    indexer.catchUp();
    return indexer.state === 'ready' && (scope?.readable == null || index.count > SCANNED_NOTES);
  };
  const search = new NoteSearch({
    reader,
    index,
    isIndexComplete,
    onIndexError: (error) => indexer.fail(error),
    scanLimitMs: parts.scanLimitMs,
    clock: parts.clock,
  });
  const realPathOf = (path: string): string => {
    using pinned = jail.pin(jail.parse(path));
    return pinned?.relative ?? path;
  };
  const isShown = (path: string): boolean => jail.shows(path, false);
  const links = {
    isFile: (path: string) => reader.stat(path)?.kind === 'file',
    storedPath: realPathOf,
    named: async (key: string) => (await search.named(key)).filter(isShown),
  };
  const bounded = (options: WriteOptions = {}): WriteOptions =>
    scope === null ? options : { ...options, allows: (path) => scope.mayWrite(path) };

  /** An empty answer would mean that there are no notes. */
  const there = <T>(read: () => T): T => {
    const missing = access.missing();
    if (missing !== null) throw missing;
    return read();
  };

  return {
    name,
    directory,
    start: () => indexer.start(),
    readNote: (path) => there(() => reader.readNote(path)),
    readBytes: (path) => there(() => reader.readBytes(path)),
    stat: (path) => reader.stat(path),
    listDirectory: (path) => there(() => reader.listDirectory(path)),
    listNotes: () => there(() => reader.listNotes()),
    tree: () => there(() => renderTree(reader, realPathOf)),
    sizeBytes: (path) => reader.sizeBytes(path),
    resolveLink: (link, fromPath) => resolveLink(link, fromPath, links),
    writeNote: (path, text, options) => writer.writeNote(path, text, bounded(options)),
    replaceInNote: (path, oldText, newText, options) => writer.replaceInNote(path, oldText, newText, bounded(options)),
    deleteNote: (path, options) => writer.deleteNote(path, bounded(options)),
    createDirectory: (path, options) => writer.createDirectory(path, bounded(options)),
    removeDirectory: (path, options) => writer.removeDirectory(path, bounded(options)),
    rename: (from, to, options) => writer.rename(from, to, bounded(options)),
    search: async (query, limit) => await there(() => search.search(query, limit)),
    mayWrite: (path) => access.unwritable() === null && !leadsOut(parts.jail, scope, path, 'write'),
    leadsOut: (path, access) => leadsOut(parts.jail, scope, path, access),
    revision() {
      jail.refresh();
      return revision.value;
    },
    scopedTo(paths) {
      const narrower = createPathScope(paths);
      return narrower === null ? this : createRootView(parts, narrower);
    },
    problem: () => access.problem()?.userMessage ?? '',
    status: () => (scope === null ? wholeStatus(parts) : scopedStatus(parts, scope, reader, index.count)),
    async [Symbol.asyncDispose]() {
      if (scope !== null) return;
      await writer[Symbol.asyncDispose]();
      await indexer[Symbol.asyncDispose]();
    },
  };
}

function wholeStatus({ counts, index, indexer, access }: RootParts): ReturnType<MemoryRoot['status']> {
  const unwritable = access.unwritable();
  return {
    notes: indexer.state === 'ready' ? index.count : counts.notes,
    sizeBytes: counts.sizeBytes,
    index: indexer.state,
    indexedNotes: index.count,
    indexLagMs: Math.round(indexer.lagMs),
    writable: unwritable === null,
    reason: unwritable?.message ?? indexer.reason,
  };
}

/** Counted on the disk: the totals that are kept are those of everybody's notes. */
function scopedStatus(
  { indexer, access }: RootParts,
  scope: PathScope,
  reader: NoteReader,
  indexedNotes: number,
): ReturnType<MemoryRoot['status']> {
  const readOnlyReason = access.unwritable()?.message ?? '';
  const reason = readOnlyReason === '' && !scope.canWrite ? 'This key may only read' : readOnlyReason;
  return {
    notes: reader.listNotes().length,
    sizeBytes: reader.sizeBytes(''),
    index: indexer.state,
    indexedNotes,
    // It would tell when somebody else writes.
    indexLagMs: 0,
    writable: reason === '',
    reason: reason === '' ? indexer.reason : reason,
  };
}
