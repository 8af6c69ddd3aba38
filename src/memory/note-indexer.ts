// Keeps the index in step with the files: a first pass in the background, own writes before the next search, outside edits as they are
// seen (watcher) and by a sweep in any case. A failed index never fails the memory: search reads the files instead.

import { rmSync, type Stats } from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { watchDirectories, type DirectoryWatcher } from './directory-watcher.ts';
import type { NoteIndex, Stamp } from './note-index.ts';
import type { MemoryEvent } from './memory-event.ts';
import { weighNote } from './note-weights.ts';
import { decodeText, isNotePath, type NoteReader } from './note-reader.ts';
import type { PathJail } from './path-jail.ts';
import type { RootAccess } from './root-access.ts';
import type { RootCounts } from './root-counts.ts';
import { RootFingerprint, type RootRevision } from './root-revision.ts';
import { runInSlices } from './slices.ts';
import { walkFiles } from './walk.ts';

const SLICE_MS = 4;
const NOTES_PER_MERGE = 32;
const SETTLE_MS = 50;
const OWN_WRITE_SETTLE_MS = 500;
const CATCH_UP_MS = 20;
const ABSENCE_PAUSE_MS = 1000;

export interface NoteIndexerOptions {
  jail: PathJail;
  reader: NoteReader;
  index: NoteIndex;
  counts: RootCounts;
  revision: RootRevision;
  clock: Clock;
  sweepIntervalMs: number;
  access: RootAccess;
  onEvent: (event: MemoryEvent) => void;
}

export class NoteIndexer implements AsyncDisposable {
  readonly #options: NoteIndexerOptions;
  readonly #openedAtMs: number;
  /** Paths seen changed, with the time; the index is behind by the oldest. */
  readonly #dirty = new Map<string, number>();
  #state: 'building' | 'ready' | 'failed' = 'building';
  #reason = '';
  #isClosed = false;
  #isFollowing = false;
  /** The directory is gone: what the index knows is kept until it is back. */
  #isAbsent = false;
  #wantsSweep = false;
  #work: Promise<void> | undefined;
  #counted: Promise<void> | undefined;
  #resolveCounted: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #wakeAtMs = 0;
  #sweptAtMs = 0;
  #sweepPauseMs: number;
  #watcher: DirectoryWatcher | undefined;

  constructor(options: NoteIndexerOptions) {
    this.#options = options;
    this.#openedAtMs = options.clock.nowMs();
    this.#sweepPauseMs = options.sweepIntervalMs;
  }

  get state(): 'building' | 'ready' | 'failed' {
    return this.#state;
  }

  get reason(): string {
    return this.#reason;
  }

  get lagMs(): number {
    const [oldest] = this.#dirty.values();
    return oldest === undefined ? 0 : Math.max(0, this.#options.clock.monotonicMs() - oldest);
  }

  start(): void {
    if (this.#isFollowing || this.#isClosed) return;
    this.#isFollowing = true;
    this.#watch();
    this.requestSweep();
  }

  #watch(): void {
    this.#watcher?.[Symbol.dispose]();
    this.#watcher = watchDirectories({
      directory: this.#options.jail.directory,
      onChange: (path) => this.#noticeChange(path),
      onProblem: (reason) => this.#options.onEvent({ type: 'watch.limited', reason }),
    });
  }

  /** Resolves once the totals of the root are known; begins the first walk if nothing has. */
  counted(): Promise<void> {
    if (this.#counted === undefined) this.requestSweep();
    return this.#counted ?? Promise.resolve();
  }

  requestSweep(): void {
    this.#counted ??= new Promise((resolve) => {
      this.#resolveCounted = resolve;
    });
    this.#wantsSweep = true;
    this.#wake();
  }

  /** An own write. Many in a row on one note are indexed once; a search before that does it first (`catchUp`). */
  changed(path: string): void {
    if (this.#state === 'failed' || !isNotePath(path)) return;
    this.#markDirty(path);
    this.#schedule(OWN_WRITE_SETTLE_MS);
  }

  /** Indexes what was changed a moment ago, so that a search finds it; a long backlog stays with the background. */
  catchUp(): void {
    if (this.#state !== 'ready' || this.#dirty.size === 0 || this.#isClosed) return;
    const untilMs = performance.now() + CATCH_UP_MS;
    const work = this.#indexDirty();
    try {
      this.#options.index.inTransaction(() => {
        while (work.next().done !== true && performance.now() < untilMs);
      });
    } catch (error) {
      this.fail(error);
    }
  }

  /** Gives the index up until the next start; reads and writes of notes go on. */
  fail(error: unknown): void {
    this.#state = 'failed';
    const why = error instanceof Error ? error.message : 'unknown';
    this.#reason = `The search index failed (${why}); search reads the files. Delete index.db and restart`;
    this.#dirty.clear();
    this.#options.onEvent({ type: 'index.failed', reason: this.#reason });
  }

  #noticeChange(path: string | null): void {
    this.#options.revision.grow();
    // A name that is no note may be a directory that came or went: look at everything.
    if (path === null || !isNotePath(path)) this.#wantsSweep = true;
    else this.#markDirty(path);
    this.#schedule(SETTLE_MS);
  }

  #markDirty(path: string): void {
    if (!this.#dirty.has(path)) this.#dirty.set(path, this.#options.clock.monotonicMs());
  }

  #wake(): void {
    if (this.#isClosed || this.#work !== undefined) return;
    this.#work = this.#run().finally(() => {
      this.#work = undefined;
      if (this.#isAbsent) this.#schedule(ABSENCE_PAUSE_MS);
      else if (this.#wantsSweep || this.#dirty.size > 0) this.#schedule(SETTLE_MS);
      else if (this.#isFollowing) this.#schedule(this.#sweepPauseMs);
    });
  }

  /** The soonest of what is asked for wins; whatever wakes the work also sweeps when a sweep is due. */
  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    const atMs = this.#options.clock.monotonicMs() + delayMs;
    if (this.#timer !== undefined && this.#wakeAtMs <= atMs) return;
    clearTimeout(this.#timer);
    this.#wakeAtMs = atMs;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#wake();
    }, delayMs);
    this.#timer.unref();
  }

  async #run(): Promise<void> {
    const { index, onEvent, clock } = this.#options;
    if (this.#isAway()) return;
    const startedAtMs = clock.monotonicMs();
    if (this.#wantsSweep || (this.#isFollowing && startedAtMs - this.#sweptAtMs >= this.#sweepPauseMs)) {
      this.#wantsSweep = false;
      const isCounted = await this.#guard(this.#sweep());
      // The index may have failed under it: the totals need a walk without it.
      if (!isCounted && !this.#isClosed) await this.#guard(this.#sweep());
      this.#resolveCounted?.();
      this.#sweptAtMs = clock.monotonicMs();
      // A huge root is swept more rarely: at most 2 % of one core goes into it.
      this.#sweepPauseMs = Math.max(this.#options.sweepIntervalMs, 50 * (this.#sweptAtMs - startedAtMs));
    }
    const isDone = await this.#guard(this.#indexDirty());
    if (isDone && this.#state === 'building') {
      this.#state = 'ready';
      onEvent({ type: 'index.ready', notes: index.count, durationMs: clock.monotonicMs() - startedAtMs });
    }
  }

  /** A watch ends with its directory, so what comes back is watched anew and looked through. */
  #isAway(): boolean {
    const wasAbsent = this.#isAbsent;
    this.#isAbsent = this.#options.access.missing() !== null;
    if (wasAbsent && !this.#isAbsent) {
      if (this.#isFollowing) this.#watch();
      this.#wantsSweep = true;
    }
    return this.#isAbsent;
  }

  /** Runs work in slices, each its own transaction; an error turns the index off, not the memory. */
  async #guard(work: Generator<void, void, void>): Promise<boolean> {
    try {
      return await runInSlices(work, {
        sliceMs: SLICE_MS,
        isCancelled: () => this.#isClosed,
        around: (slice) => (this.#state === 'failed' ? slice() : this.#options.index.inTransaction(slice)),
      });
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  *#sweep(): Generator<void, void, void> {
    const { jail, index, counts, revision } = this.#options;
    const fingerprint = new RootFingerprint();
    const seen = new Set<number>();
    const writesBefore = counts.writes;
    let sizeBytes = 0;
    let notes = 0;
    const directories: string[] = [];
    yield* walkFiles(jail, '', {
      directory: (path) => directories.push(path),
      temp: (path, stats) => this.#removeLeftover(path, stats),
      file: (path, stats) => {
        sizeBytes += stats.size;
        fingerprint.add(path, stats);
        if (!isNotePath(path)) return;
        notes++;
        if (this.#state === 'failed') return;
        const id = index.current(path, stampOf(stats));
        if (id === undefined) this.#markDirty(path);
        else seen.add(id);
      },
    });
    revision.compare(fingerprint);
    if (counts.writes === writesBefore) counts.set(sizeBytes, notes);
    this.#watcher?.follow(directories);
    if (this.#state === 'failed') return;
    for (const { id, path } of index.rows()) {
      // Not met: deleted, or changed since. `#indexNote` looks again and decides.
      if (!seen.has(id)) this.#markDirty(path);
      yield;
    }
  }

  *#indexDirty(): Generator<void, void, void> {
    const { index } = this.#options;
    for (let done = 1; this.#state !== 'failed'; done++) {
      const [path] = this.#dirty.keys();
      if (path === undefined) break;
      yield* this.#indexNote(path);
      yield;
      if (done % NOTES_PER_MERGE === 0) {
        index.merge();
        yield;
      }
    }
    while (this.#state !== 'failed' && index.merge()) yield;
  }

  *#indexNote(path: string): Generator<void, void, void> {
    const { jail, reader, index } = this.#options;
    for (;;) {
      const read = readForIndex(jail, reader, path);
      if (read === null) {
        index.remove(path);
        break;
      }
      if (index.current(path, read.stamp) !== undefined) break;
      const note = yield* weighNote(path, read.text);
      // The event loop may have run since the read: only what is still there goes in.
      if (isSame(stampNow(jail, path), read.stamp)) {
        index.store(path, read.stamp, note);
        break;
      }
      yield;
    }
    this.#dirty.delete(path);
  }

  #removeLeftover(path: string, stats: Stats): void {
    // Younger ones may belong to a write that runs right now.
    if (!stats.isFile() || stats.mtimeMs >= this.#openedAtMs - 1000) return;
    if (this.#options.access.unwritable() === null) rmSync(path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#watcher?.[Symbol.dispose]();
    this.#resolveCounted?.();
    await this.#work;
  }
}

function stampOf(stats: Stats): Stamp {
  return { sizeBytes: stats.size, modifiedAtMs: stats.mtimeMs, changedAtMs: stats.ctimeMs };
}

function isSame(a: Stamp | null, b: Stamp): boolean {
  return (
    a !== null && a.sizeBytes === b.sizeBytes && a.modifiedAtMs === b.modifiedAtMs && a.changedAtMs === b.changedAtMs
  );
}

function stampNow(jail: PathJail, path: string): Stamp | null {
  using pinned = jail.isLink(path) ? null : jail.pin(path);
  return pinned === null ? null : stampOf(pinned.stats);
}

/** null when there is nothing to index: gone, a link, not text, too large, or not ours to read. */
function readForIndex(jail: PathJail, reader: NoteReader, path: string): { text: string; stamp: Stamp } | null {
  try {
    using pinned = jail.pin(path);
    if (pinned === null || pinned.relative !== path || !pinned.stats.isFile()) return null;
    return { text: decodeText(reader.bytesOf(pinned, path), path), stamp: stampOf(pinned.stats) };
  } catch (error) {
    if (error instanceof AppError && error.code !== 'MEMORY_UNAVAILABLE') return null;
    throw error;
  }
}
