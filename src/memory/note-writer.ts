// Every change of a memory root: one at a time, checked (jail, version, size, quota), announced to `beforeEffect`, then
// atomic and durable, then known to the index. If anything fails before the rename, nothing has happened.

import { rename, rmdir, unlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { AppError } from '../lib/app-error.ts';
import { makeDirectory, syncDirectory, writeAtomically } from './atomic-write.ts';
import { toFileError } from './file-error.ts';
import type { MemoryEvent } from './memory-event.ts';
import type { DirectoryOptions, WriteOptions } from './memory-root.ts';
import type { NoteIndexer } from './note-indexer.ts';
import { displayPath } from './note-path.ts';
import { decodeText, isNotePath, versionOf, type NoteReader } from './note-reader.ts';
import type { PathJail, Pinned } from './path-jail.ts';
import { notADirectory, notAFile, notFound, outsidePaths, refused, tooLarge } from './refusals.ts';
import { replaceFirst } from './replace-text.ts';
import type { RootAccess } from './root-access.ts';
import type { RootCounts } from './root-counts.ts';
import type { RootRevision } from './root-revision.ts';
import { WriteLock } from './write-lock.ts';

export interface NoteWriterOptions {
  jail: PathJail;
  reader: NoteReader;
  indexer: NoteIndexer;
  counts: RootCounts;
  revision: RootRevision;
  maxFileBytes: number;
  maxRootBytes: number;
  access: RootAccess;
  onEvent: (event: MemoryEvent) => void;
}

/** What is at a path before a change; `relative` is where the change goes (links followed, stored Unicode form). */
interface Before {
  relative: string;
  bytes: Buffer | null;
  version: string | undefined;
  mode: number | undefined;
}

export class NoteWriter implements AsyncDisposable {
  readonly #options: NoteWriterOptions;
  readonly #lock = new WriteLock();
  #isClosed = false;

  constructor(options: NoteWriterOptions) {
    this.#options = options;
  }

  writeNote(path: string, text: string, options: WriteOptions = {}): Promise<{ version: string; created: boolean }> {
    return this.#change(path, options, async (relative) => {
      const before = this.#before(relative, path);
      checkVersion(before, options.expectedVersion, path);
      const version = await this.#replace(before, text, path, options, options.expectedVersion !== undefined);
      return { version, created: before.bytes === null };
    });
  }

  replaceInNote(
    path: string,
    oldText: string,
    newText: string,
    options: WriteOptions = {},
  ): Promise<{ version: string }> {
    return this.#change(path, options, async (relative) => {
      const before = this.#before(relative, path);
      if (before.bytes === null) throw notFound(path);
      checkVersion(before, options.expectedVersion, path);
      const text = replaceFirst(decodeText(before.bytes, path), oldText, newText, path);
      return { version: await this.#replace(before, text, path, options, true) };
    });
  }

  deleteNote(path: string, options: WriteOptions = {}): Promise<void> {
    return this.#change(path, options, async (relative) => {
      const before = this.#before(relative, path, false);
      if (before.bytes === null) throw notFound(path);
      checkVersion(before, options.expectedVersion, path);
      await options.beforeEffect?.({
        operation: 'note.delete',
        path: before.relative,
        ...optional('before', before.version),
      });
      // A link is removed itself, not what it points to.
      const isLink = this.#options.jail.isLink(relative);
      const doomed = isLink ? relative : before.relative;
      using parent = this.#parentOf(doomed, options);
      await unlink(join(parent.reach, posix.basename(doomed)));
      await syncDirectory(parent.reach);
      if (!isLink) this.#options.counts.adjust(-before.bytes.length, isNotePath(doomed) ? -1 : 0);
      this.#announce('note.delete', doomed);
    });
  }

  createDirectory(path: string, options: DirectoryOptions = {}): Promise<void> {
    return this.#change(path, options, async (relative) => {
      using existing = this.#options.jail.pin(relative);
      if (existing?.stats.isDirectory() === true) return;
      if (existing !== null) throw notADirectory(path);
      const normal = relative.normalize('NFC');
      await options.beforeEffect?.({ operation: 'dir.create', path: normal });
      await this.#makeDirectories(normal);
      this.#options.onEvent({ type: 'note.changed', operation: 'dir.create', path: normal });
    });
  }

  removeDirectory(path: string, options: DirectoryOptions = {}): Promise<void> {
    return this.#change(path, options, async (relative) => {
      {
        using pinned = this.#options.jail.pinExisting(relative);
        if (!pinned.stats.isDirectory() || this.#options.jail.isLink(relative)) throw notADirectory(path);
        if (pinned.relative === '') throw refused(path, 'is the memory root itself');
      }
      await options.beforeEffect?.({ operation: 'dir.remove', path: relative });
      using parent = this.#parentOf(relative, options);
      await rmdir(join(parent.reach, posix.basename(relative)));
      await syncDirectory(parent.reach);
      this.#options.onEvent({ type: 'note.changed', operation: 'dir.remove', path: relative });
    });
  }

  rename(from: string, to: string, options: WriteOptions = {}): Promise<void> {
    return this.#change(from, options, async (source) => {
      const target = this.#options.jail.parse(to).normalize('NFC');
      this.#refuseOutside(target, to, options);
      if (source === '' || target === '') throw refused(source === '' ? from : to, 'is the memory root itself');
      if (target === source || target.startsWith(`${source}/`))
        throw refused(to, 'is the same as, or inside, what is renamed');
      const isDirectory = this.#isDirectory(source);
      const before = isDirectory ? undefined : this.#before(source, from);
      if (before !== undefined) checkVersion(before, options.expectedVersion, from);
      using existing = this.#options.jail.pin(target);
      if (existing !== null) {
        throw new AppError('ALREADY_EXISTS', `'${displayPath(to)}' exists already`, {
          hint: 'Choose another path, or delete it first',
        });
      }
      const version = before?.version;
      await options.beforeEffect?.({
        operation: 'note.rename',
        path: source,
        ...optional('before', version),
        ...optional('after', version),
      });
      await this.#makeDirectories(posix.dirname(target));
      using oldParent = this.#parentOf(source, options);
      using newParent = this.#parentOf(target, options);
      await rename(join(oldParent.reach, posix.basename(source)), join(newParent.reach, posix.basename(target)));
      await syncDirectory(newParent.reach);
      await syncDirectory(oldParent.reach);
      if (isDirectory) this.#options.indexer.requestSweep();
      this.#options.counts.adjust(0, isDirectory ? 0 : Number(isNotePath(target)) - Number(isNotePath(source)));
      this.#announce('note.rename', source);
      this.#announce('note.rename', target);
    });
  }

  /** Waits for the changes that were asked for; later ones are refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#lock.idle();
  }

  #change<Result>(path: string, options: WriteOptions, task: (relative: string) => Promise<Result>): Promise<Result> {
    const { jail, indexer, revision, access } = this.#options;
    if (this.#isClosed) {
      const closed = new AppError('MEMORY_UNAVAILABLE', 'The memory root is closed', {
        hint: 'Try again once mem-agent has started',
      });
      return Promise.reject(closed);
    }
    return this.#lock.run(async () => {
      const relative = jail.parse(path);
      const unwritable = access.unwritable();
      if (unwritable !== null) throw unwritable;
      this.#refuseOutside(relative, path, options);
      await indexer.counted();
      try {
        return await task(relative);
      } catch (error) {
        throw toFileError(error, path);
      } finally {
        // Also after a failure: it may have come after the change was to be seen.
        revision.grow();
      }
    });
  }

  async #replace(
    before: Before,
    text: string,
    path: string,
    options: WriteOptions,
    isGuarded: boolean,
  ): Promise<string> {
    if (!text.isWellFormed())
      throw new AppError('NOT_TEXT', 'The text is not valid Unicode', { hint: 'Remove the lone surrogates' });
    const bytes = Buffer.from(text, 'utf8');
    this.#checkQuota(bytes.length, before.bytes?.length ?? 0, path);
    const version = versionOf(bytes);
    const { relative } = before;
    await options.beforeEffect?.({
      operation: 'note.write',
      path: relative,
      ...optional('before', before.version),
      after: version,
    });
    await this.#makeDirectories(posix.dirname(relative));
    using parent = this.#parentOf(relative, options);
    await writeAtomically({
      parent: parent.reach,
      name: posix.basename(relative),
      bytes,
      ...optional('mode', before.mode),
      // An editor outside does not wait for our lock: a change since the read must not be lost.
      beforeRename: () =>
        isGuarded ? checkVersion(this.#before(relative, path), before.version ?? null, path) : undefined,
    });
    this.#options.counts.adjust(
      bytes.length - (before.bytes?.length ?? 0),
      before.bytes === null && isNotePath(relative) ? 1 : 0,
    );
    this.#announce('note.write', relative);
    return version;
  }

  #before(relative: string, path: string, isForWriting = true): Before {
    if (relative === '') throw notAFile(path);
    using pinned = this.#options.jail.pin(relative);
    if (pinned === null)
      return { relative: relative.normalize('NFC'), bytes: null, version: undefined, mode: undefined };
    if (!pinned.stats.isFile()) throw notAFile(path);
    if (isForWriting && pinned.stats.nlink > 1)
      throw refused(path, 'has a second name (hard link), maybe outside the memory root');
    const bytes = this.#options.reader.bytesOf(pinned, path);
    return { relative: pinned.relative, bytes, version: versionOf(bytes), mode: pinned.stats.mode };
  }

  #isDirectory(relative: string): boolean {
    using pinned = this.#options.jail.pinExisting(relative);
    return pinned.stats.isDirectory();
  }

  /** As it is written, as it is stored and where its links lead: all must be allowed, before anything of it is told. */
  #refuseOutside(relative: string, path: string, { allows }: WriteOptions): void {
    if (allows === undefined) return;
    if (!allows(relative)) throw outsidePaths(path);
    const { jail } = this.#options;
    const stored = posix.join(jail.resolve(parentPath(relative)), posix.basename(relative));
    if (!allows(stored) || !allows(jail.resolve(relative))) throw outsidePaths(path);
  }

  #parentOf(relative: string, { allows }: WriteOptions = {}): Pinned {
    const pinned = this.#options.jail.pinExisting(parentPath(relative));
    // Looked at again now that it is held: a folder may have become a link since.
    const isAllowed = allows === undefined || allows(posix.join(pinned.relative, posix.basename(relative)));
    if (isAllowed && pinned.stats.isDirectory()) return pinned;
    pinned[Symbol.dispose]();
    throw isAllowed ? notADirectory(parentPath(relative)) : outsidePaths(relative);
  }

  async #makeDirectories(relative: string): Promise<void> {
    if (relative === '.' || relative === '') return;
    {
      using existing = this.#options.jail.pin(relative);
      if (existing?.stats.isDirectory() === true) return;
      if (existing !== null) throw notADirectory(relative);
    }
    await this.#makeDirectories(posix.dirname(relative));
    using parent = this.#parentOf(relative);
    await makeDirectory(parent.reach, posix.basename(relative));
  }

  #checkQuota(newBytes: number, oldBytes: number, path: string): void {
    const { counts, maxFileBytes, maxRootBytes } = this.#options;
    if (newBytes > maxFileBytes) throw tooLarge(path, newBytes, maxFileBytes);
    if (newBytes <= oldBytes || counts.sizeBytes - oldBytes + newBytes <= maxRootBytes) return;
    throw new AppError('QUOTA_EXCEEDED', `The memory root would hold more than ${maxRootBytes} bytes`, {
      hint: 'Delete notes that are not needed, or raise memory.max_root_bytes',
    });
  }

  #announce(operation: string, path: string): void {
    this.#options.indexer.changed(path);
    this.#options.onEvent({ type: 'note.changed', operation, path });
  }
}

function checkVersion(before: Before, expected: string | null | undefined, path: string): void {
  if (expected === undefined || (before.version ?? null) === expected) return;
  throw new AppError('VERSION_CONFLICT', conflictMessage(before, expected, path), {
    hint: 'Read the note again, then repeat the change',
  });
}

function conflictMessage(before: Before, expected: string | null, path: string): string {
  if (expected === null) return `'${displayPath(path)}' exists already`;
  return before.version === undefined
    ? `'${displayPath(path)}' was deleted meanwhile`
    : `'${displayPath(path)}' was changed meanwhile`;
}

function parentPath(relative: string): string {
  const parent = posix.dirname(relative);
  return parent === '.' ? '' : parent;
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}
