// The notes of one run: every read and write of its functions, with scope, audit record and conflict check in one place.
// Guarantee: no effect without its record; no note that the run has not read or made is replaced whole.
import type { NoteOperation } from '../../audit/audit-log.ts';
import type { Scope } from '../../auth/principal.ts';
import { AppError, type ErrorCode } from '../../lib/app-error.ts';
import type { DirectoryEntry, EntryStat, MemoryRoot, SearchHit, WriteOptions } from '../../memory/memory-root.ts';

/** Where Python code sees the memory root. */
const GUEST_ROOT = '/memory';
/** Where every run looks first, because it was trained to: no sign of anything. */
const FIRST_LOOK = 'user.md';

/** A path that this caller may not have, whatever the code was told. */
export interface PathRefusal {
  path: string;
  code: ErrorCode;
  /** Out of the root or of the caller's paths; else the root is not to be written. */
  leadsOut: boolean;
}

export interface RunNotesOptions {
  root: MemoryRoot;
  scopes: ReadonlySet<Scope>;
  /** Resolves when the record is durable; what it throws ends the run. */
  record(operation: NoteOperation): Promise<void>;
  /** The whole text of each note that the run sees, or sees a part of: what a part means may stand elsewhere in it. */
  onText?(text: string): void;
  /** After its record `note.refused`. */
  onRefused?(refusal: PathRefusal): void;
}

export class RunNotes {
  readonly #root: MemoryRoot;
  readonly #scopes: ReadonlySet<Scope>;
  readonly #record: RunNotesOptions['record'];
  readonly #onText: (text: string) => void;
  readonly #isWatched: boolean;
  readonly #onRefused: (refusal: PathRefusal) => void;
  /** Version of each note as the run knows it. */
  readonly #known = new Map<string, string>();
  readonly #read = new Set<string>();
  readonly #written = new Set<string>();

  constructor(options: RunNotesOptions) {
    this.#root = options.root;
    this.#scopes = options.scopes;
    this.#record = options.record;
    this.#onText = (text) => options.onText?.(text);
    this.#isWatched = options.onText !== undefined;
    this.#onRefused = (refusal) => options.onRefused?.(refusal);
  }

  counts(): { notesRead: number; notesWritten: number } {
    return { notesRead: this.#read.size, notesWritten: this.#written.size };
  }

  /** Path as the root takes it: `/memory/x` and `./x` are `x`. */
  static relative(path: string): string {
    if (path === GUEST_ROOT) return '';
    const inner = path.startsWith(`${GUEST_ROOT}/`) ? path.slice(GUEST_ROOT.length + 1) : path;
    return inner.replace(/^(\.\/+)+/, '');
  }

  needScope(scope: Scope): void {
    if (this.#scopes.has(scope)) return;
    throw new AppError('FORBIDDEN', `Permission denied: this key lacks the scope ${scope}`);
  }

  async readText(path: string): Promise<string> {
    const note = await this.#look('note.read', path, () => this.#root.readNote(path));
    this.#learn(path, note.version);
    this.#onText(note.text);
    return note.text;
  }

  async readBytes(path: string): Promise<Buffer> {
    const stat = await this.stat(path);
    if (stat?.kind !== 'file') return this.#root.readBytes(path);
    await this.#record({ operation: 'note.read', path });
    try {
      const note = this.#root.readNote(path);
      this.#learn(path, note.version);
      this.#onText(note.text);
    } catch (error) {
      // Not text: it can be read as bytes, but is no note that could be replaced.
      if (!(error instanceof AppError && error.code === 'NOT_TEXT')) throw error;
    }
    this.#read.add(path);
    return this.#root.readBytes(path);
  }

  async stat(path: string): Promise<EntryStat | null> {
    return this.#look('note.stat', path, () => this.#root.stat(path));
  }

  async list(path: string): Promise<DirectoryEntry[]> {
    return this.#look('note.list', path, () => this.#root.listDirectory(path));
  }

  async tree(): Promise<string> {
    await this.#begin('note.list', '');
    return this.#root.tree();
  }

  async sizeBytes(path: string): Promise<number> {
    return this.#look('note.stat', path, () => this.#root.sizeBytes(path));
  }

  async search(query: string, limit: number): Promise<SearchHit[]> {
    this.needScope('memory:read');
    await this.#record({ operation: 'note.search' });
    const hits = await this.#root.search(query, limit);
    if (this.#isWatched) for (const { path } of hits) this.#showWhole(path);
    return hits;
  }

  /** A hit shows a line of its note. */
  #showWhole(path: string): void {
    try {
      this.#onText(this.#root.readNote(path).text);
    } catch (error) {
      // Gone since it was indexed, or no text: then the line is all there is to see.
      if (!(error instanceof AppError)) throw error;
    }
  }

  async resolveLink(link: string): Promise<string | null> {
    await this.#begin('note.stat', undefined);
    return this.#root.resolveLink(link);
  }

  /** An operating system says it when a file is opened; a text that is lost when the file is closed looks saved to the code. */
  async needWritable(path: string): Promise<void> {
    this.needScope('memory:write');
    if (this.#root.mayWrite(path)) return;
    const refusal = new AppError('PERMISSION_DENIED', 'Permission denied', { hint: 'Write to another note' });
    await this.#refused('write', path, refusal, this.#root.leadsOut(path, 'write'));
    throw refusal;
  }

  /** Whether a whole new text may be put there without losing something that the run has never seen. */
  mayReplace(path: string): boolean {
    return this.#known.has(path) || this.#root.stat(path) === null;
  }

  async write(path: string, text: string): Promise<void> {
    this.needScope('memory:write');
    const expectedVersion = this.#known.get(path) ?? null;
    const { version } = await this.#attempt(path, (options) =>
      this.#root.writeNote(path, text, { ...options, expectedVersion }),
    );
    this.#known.set(path, version);
    this.#written.add(path);
  }

  async replace(path: string, oldText: string, newText: string): Promise<void> {
    this.needScope('memory:write');
    let before: string | undefined;
    const { version } = await this.#attempt(path, () =>
      this.#root.replaceInNote(path, oldText, newText, {
        beforeEffect: async (operation) => {
          before = operation.before;
          await this.#record(operation);
        },
      }),
    );
    this.#written.add(path);
    // Somebody else's change in between stays unknown to the run.
    if (before !== undefined && this.#known.get(path) === before) this.#known.set(path, version);
    else this.#known.delete(path);
  }

  async delete(path: string): Promise<void> {
    this.needScope('memory:write');
    await this.#attempt(path, (options) => this.#root.deleteNote(path, options));
    this.#known.delete(path);
    this.#written.add(path);
  }

  async createDirectory(path: string): Promise<void> {
    this.needScope('memory:write');
    await this.#attempt(path, (options) => this.#root.createDirectory(path, options));
  }

  async removeDirectory(path: string): Promise<void> {
    this.needScope('memory:write');
    await this.#attempt(path, (options) => this.#root.removeDirectory(path, options));
  }

  async rename(from: string, to: string): Promise<void> {
    this.needScope('memory:write');
    const wrong = this.#root.leadsOut(from, 'write') ? from : to;
    await this.#attempt(wrong, (options) => this.#root.rename(from, to, options));
    const version = this.#known.get(from);
    this.#known.delete(from);
    if (version !== undefined) this.#known.set(to, version);
    this.#written.add(to);
  }

  /** A write that this caller may not make leaves a record that it was tried. */
  async #attempt<Result>(path: string, write: (options: WriteOptions) => Promise<Result>): Promise<Result> {
    try {
      return await write({ beforeEffect: (operation) => this.#record(operation) });
    } catch (error) {
      const leadsOut = codeOf(error) === 'PATH_REFUSED' || this.#root.leadsOut(path, 'write');
      if (leadsOut || codeOf(error) === 'PERMISSION_DENIED') await this.#refused('write', path, error, leadsOut);
      throw error;
    }
  }

  /** A look that leads out of what this caller may see has a second record: that nothing was seen. */
  async #look<Found>(operation: string, path: string, find: () => Found): Promise<Found> {
    await this.#begin(operation, path);
    let found: Found;
    try {
      found = find();
    } catch (error) {
      if (this.#root.leadsOut(path, 'read')) await this.#refused('read', path, error);
      throw error;
    }
    if (found === null && this.#root.leadsOut(path, 'read')) await this.#refused('read', path, null);
    return found;
  }

  async #refused(access: 'read' | 'write', path: string, error: unknown, leadsOut = true): Promise<void> {
    await this.#record({ operation: 'note.refused', path });
    if (access === 'read' && path === FIRST_LOOK) return;
    this.#onRefused({ path, code: codeOf(error) ?? 'NOT_FOUND', leadsOut });
  }

  async #begin(operation: string, path: string | undefined): Promise<void> {
    this.needScope('memory:read');
    await this.#record(path === undefined ? { operation } : { operation, path });
  }

  #learn(path: string, version: string): void {
    this.#known.set(path, version);
    this.#read.add(path);
  }
}

function codeOf(error: unknown): ErrorCode | undefined {
  return error instanceof AppError ? error.code : undefined;
}
