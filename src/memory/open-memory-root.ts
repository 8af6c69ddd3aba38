// Opens one memory root: makes it if it is missing, and wires reader, writer, index and search into the contract.

import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { systemClock, type Clock } from '../lib/clock.ts';
import { IgnoreFile } from './ignore-file.ts';
import { dropOtherTables, type IndexHandle } from './index-database.ts';
import { NoteIndex } from './note-index.ts';
import type { MemoryEvent } from './memory-event.ts';
import type { MemoryRoot } from './memory-root.ts';
import { NoteIndexer } from './note-indexer.ts';
import { NoteReader } from './note-reader.ts';
import { NoteWriter } from './note-writer.ts';
import { PathJail } from './path-jail.ts';
import { createRootAccess } from './root-access.ts';
import { RootCounts } from './root-counts.ts';
import { RootRevision } from './root-revision.ts';
import { createRootView } from './root-view.ts';

export interface MemoryRootOptions {
  name: string;
  directory: string;
  /** Handle of index.db; stays the caller's, who closes it after the root. */
  indexDatabase: IndexHandle;
  /** Another directory of the same name is open beside this one: its index must not be swept. */
  isBesideOther?: boolean;
  /** Nobody may write here, whatever the file permissions say. */
  isReadOnly?: boolean;
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
  const { name, clock = systemClock, onEvent = () => {}, sweepIntervalMs = 30_000, scanLimitMs = 5000 } = options;
  const { maxFileBytes = 1024 ** 2, maxRootBytes = 100 * 1024 ** 2, isReadOnly = false } = options;
  const directory = resolve(options.directory);
  ensureDirectory(directory, isReadOnly);
  const ignore = new IgnoreFile(directory, () => {
    revision.grow();
    indexer.requestSweep();
  });
  const jail = new PathJail(directory, ignore);
  const access = createRootAccess({ name, directory: jail.directory, isReadOnly });
  const reader = new NoteReader(jail, maxFileBytes);
  const counts = new RootCounts();
  const revision = new RootRevision(clock);
  if (options.isBesideOther !== true) dropOtherTables(options.indexDatabase, name, jail.directory);
  const index = new NoteIndex(options.indexDatabase, name, jail.directory);
  const indexer = new NoteIndexer({
    jail,
    reader,
    index,
    counts,
    revision,
    clock,
    sweepIntervalMs,
    access,
    onEvent,
  });
  const writer = new NoteWriter({
    jail,
    reader,
    indexer,
    counts,
    revision,
    maxFileBytes,
    maxRootBytes,
    access,
    onEvent,
  });
  return createRootView(
    {
      name,
      directory,
      jail,
      index,
      indexer,
      writer,
      counts,
      revision,
      maxFileBytes,
      scanLimitMs,
      access,
      clock,
    },
    null,
  );
}

function ensureDirectory(directory: string, isReadOnly: boolean): void {
  try {
    const stats = statSync(directory, { throwIfNoEntry: false });
    if (stats === undefined && !isReadOnly) makeRoot(directory);
    else if (stats === undefined) throw missing(directory);
    else if (!stats.isDirectory()) {
      throw new AppError('MEMORY_UNAVAILABLE', `The memory directory ${directory} is a file`, {
        hint: 'Set memory.dir to a directory, or move the file away',
      });
    }
    accessSync(directory, constants.R_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = systemErrorCode(error) ?? 'unknown';
    const isLinkToNowhere = code === 'ENOENT' || code === 'ELOOP';
    throw new AppError('MEMORY_UNAVAILABLE', `The memory directory ${directory} cannot be used (${code})`, {
      hint: isLinkToNowhere
        ? 'A symbolic link on its path leads nowhere: mount or make what it points to, or set memory.dir to another directory'
        : 'Give the user that runs mem-agent access to it, or set memory.dir to another directory',
      cause: error,
    });
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

function missing(directory: string): AppError {
  return new AppError('MEMORY_UNAVAILABLE', `The read-only memory directory ${directory} does not exist`, {
    hint: 'Correct its path in memory.roots, or make the directory',
  });
}
