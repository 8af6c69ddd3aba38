// Opens one memory root: makes it if it is missing, and wires reader, writer, index and search into the contract.

import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { dropOtherTables, type IndexHandle } from './index-database.ts';
import { NoteIndex } from './note-index.ts';
import { resolveLink } from './links.ts';
import type { MemoryEvent } from './memory-event.ts';
import type { MemoryRoot } from './memory-root.ts';
import { NoteIndexer } from './note-indexer.ts';
import { NoteReader } from './note-reader.ts';
import { NoteSearch } from './note-search.ts';
import { NoteWriter } from './note-writer.ts';
import { PathJail } from './path-jail.ts';
import { RootCounts } from './root-counts.ts';
import { RootRevision } from './root-revision.ts';
import { renderTree } from './tree.ts';

export interface MemoryRootOptions {
  name: string;
  directory: string;
  /** Handle of index.db; stays the caller's, who closes it after the root. */
  indexDatabase: IndexHandle;
  /** Another directory of the same name is open beside this one: its index must not be swept. */
  isBesideOther?: boolean;
  maxFileBytes?: number;
  maxRootBytes?: number;
  /** How often outside edits are looked for, besides the watcher. */
  sweepIntervalMs?: number;
  /** How long a search reads files while the index is not complete. */
  scanLimitMs?: number;
  clock?: Clock;
  onEvent?: (event: MemoryEvent) => void;
}

const FIRST_NOTE = `# User Information

What is known about the person this memory belongs to. People, places and projects get notes of their own in the folder
entities, linked from here by name in double square brackets.
`;

export function openMemoryRoot(options: MemoryRootOptions): MemoryRoot {
  const { name, clock = systemClock, onEvent = () => {}, sweepIntervalMs = 30_000 } = options;
  const { maxFileBytes = 1024 ** 2, maxRootBytes = 100 * 1024 ** 2 } = options;
  const directory = resolve(options.directory);
  ensureDirectory(directory);
  const readOnlyReason = whyReadOnly(directory);
  const jail = new PathJail(directory);
  const reader = new NoteReader(jail, maxFileBytes);
  const counts = new RootCounts();
  const revision = new RootRevision(clock);
  if (options.isBesideOther !== true) dropOtherTables(options.indexDatabase, name, jail.directory);
  const index = new NoteIndex(options.indexDatabase, name, jail.directory);
  const indexer = new NoteIndexer({ jail, reader, index, counts, revision, clock, sweepIntervalMs, onEvent });
  const writer = new NoteWriter({
    jail,
    reader,
    indexer,
    counts,
    revision,
    maxFileBytes,
    maxRootBytes,
    readOnlyReason,
    onEvent,
  });
  const isIndexComplete = (): boolean => {
    indexer.catchUp();
    return indexer.state === 'ready';
  };
  const search = new NoteSearch({
    reader,
    index,
    isIndexComplete,
    onIndexError: (error) => indexer.fail(error),
    scanLimitMs: options.scanLimitMs ?? 5000,
    clock,
  });

  const realPathOf = (path: string): string => {
    using pinned = jail.pin(jail.parse(path));
    return pinned?.relative ?? path;
  };
  const links = {
    isFile: (path: string) => reader.stat(path)?.kind === 'file',
    storedPath: realPathOf,
    named: (key: string) => search.named(key),
  };

  return {
    name,
    directory,
    start: () => indexer.start(),
    readNote: (path) => reader.readNote(path),
    readBytes: (path) => reader.readBytes(path),
    stat: (path) => reader.stat(path),
    listDirectory: (path) => reader.listDirectory(path),
    listNotes: () => reader.listNotes(),
    tree: () => renderTree(reader, realPathOf),
    sizeBytes: (path) => reader.sizeBytes(path),
    resolveLink: (link, fromPath) => resolveLink(link, fromPath, links),
    writeNote: (path, text, write) => writer.writeNote(path, text, write),
    replaceInNote: (path, oldText, newText, write) => writer.replaceInNote(path, oldText, newText, write),
    deleteNote: (path, write) => writer.deleteNote(path, write),
    createDirectory: (path, write) => writer.createDirectory(path, write),
    removeDirectory: (path, write) => writer.removeDirectory(path, write),
    rename: (from, to, write) => writer.rename(from, to, write),
    search: (query, limit) => search.search(query, limit),
    revision: () => revision.value,
    status: () => ({
      notes: indexer.state === 'ready' ? index.count : counts.notes,
      sizeBytes: counts.sizeBytes,
      index: indexer.state,
      indexedNotes: index.count,
      indexLagMs: Math.round(indexer.lagMs),
      writable: readOnlyReason === '',
      reason: readOnlyReason === '' ? indexer.reason : readOnlyReason,
    }),
    async [Symbol.asyncDispose]() {
      await writer[Symbol.asyncDispose]();
      await indexer[Symbol.asyncDispose]();
    },
  };
}

function ensureDirectory(directory: string): void {
  try {
    const stats = statSync(directory, { throwIfNoEntry: false });
    if (stats === undefined) makeRoot(directory);
    else if (!stats.isDirectory()) {
      throw new AppError('MEMORY_UNAVAILABLE', `The memory directory ${directory} is a file`, {
        hint: 'Set memory.dir to a directory, or move the file away',
      });
    }
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      'MEMORY_UNAVAILABLE',
      `The memory directory ${directory} cannot be used (${systemErrorCode(error) ?? 'unknown'})`,
      {
        hint: 'Give the user that runs mem-agent access to it, or set memory.dir to another directory',
        cause: error,
      },
    );
  }
}

function makeRoot(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = openSync(join(directory, 'user.md'), 'wx', 0o600);
  try {
    writeSync(file, FIRST_NOTE);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function whyReadOnly(directory: string): string {
  try {
    accessSync(directory, constants.W_OK);
    return '';
  } catch (error) {
    return `The memory directory is not writable (${systemErrorCode(error) ?? 'unknown'}); notes can be read only`;
  }
}
