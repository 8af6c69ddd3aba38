// The stored index of one memory root: an FTS5 table finds candidates, a forward table scores them. Deletable at any time.
// Each word is stored with a tier (how much the note is about it), so the best notes of a common word are read first.

import { createTables, prepareStatements, type IndexHandle } from './index-database.ts';
import { foldText } from './note-words.ts';
import { MAX_WEIGHT, type WeighedNote } from './note-weights.ts';
import type { PathSet } from './path-scope.ts';

// Private-use characters: FTS5's tokenizer takes them for letters, and no word of ours contains them.
const TIER_MARKS = ['\uE000', '\uE001', '\uE002', '\uE003'] as const;
export const TIERS = [3, 2, 1, 0] as const;
export type Tier = (typeof TIERS)[number];

export interface Stamp {
  sizeBytes: number;
  modifiedAtMs: number;
  changedAtMs: number;
}

export interface IndexedNote {
  path: string;
  title: string;
}

interface StampRow {
  id: number;
  size: number;
  mtime: number;
  ctime: number;
}

export class NoteIndex {
  readonly #db: IndexHandle;
  readonly #sql: ReturnType<typeof prepareStatements>;
  #count: number;

  constructor(db: IndexHandle, rootName: string, directory: string) {
    this.#db = db;
    this.#sql = prepareStatements(db, createTables(db, rootName, directory));
    this.#count = this.#sql.count.get() ?? 0;
  }

  get count(): number {
    return this.#count;
  }

  /** Notes in these folders and at these paths. */
  countIn({ folders, notes }: PathSet): number {
    if (folders.includes('')) return this.#count;
    // `0` follows `/`: everything that begins with the folder and a slash.
    const inside = folders.map((folder) => this.#sql.countUnder.get(`${folder}/`, `${folder}0`) ?? 0);
    return inside.reduce((sum, count) => sum + count, 0) + notes.filter((path) => this.has(path)).length;
  }

  /** One commit for all that `work` stores. */
  inTransaction(work: () => void): void {
    this.#db.transaction(work).immediate();
  }

  /** The row id if the stored note has this stamp, else undefined. */
  current(path: string, stamp: Stamp): number | undefined {
    const row = this.#sql.stamp.get(path) as StampRow | undefined;
    if (row === undefined) return undefined;
    const isSame = row.size === stamp.sizeBytes && row.mtime === stamp.modifiedAtMs && row.ctime === stamp.changedAtMs;
    return isSame ? row.id : undefined;
  }

  has(path: string): boolean {
    return this.#sql.stamp.get(path) !== undefined;
  }

  store(path: string, stamp: Stamp, note: WeighedNote): void {
    this.remove(path);
    const { lastInsertRowid } = this.#sql.insertNote.run(
      path,
      note.title,
      nameKey(path),
      foldText(note.title),
      stamp.sizeBytes,
      stamp.modifiedAtMs,
      stamp.changedAtMs,
    );
    const tokens: string[] = [];
    const forward = new Uint32Array(note.weights.size);
    for (const [word, weight] of note.weights) {
      forward[tokens.length] = forwardKey(word) | weight;
      tokens.push(word + TIER_MARKS[tierOf(weight)]);
    }
    forward.sort();
    this.#sql.insertForward.run(lastInsertRowid, Buffer.from(forward.buffer));
    this.#sql.insertWords.run(lastInsertRowid, tokens.join(' '));
    this.#count++;
  }

  remove(path: string): void {
    const row = this.#sql.stamp.get(path) as StampRow | undefined;
    if (row === undefined) return;
    this.#sql.deleteWords.run(row.id);
    this.#sql.deleteForward.run(row.id);
    this.#sql.deleteNote.run(row.id);
    this.#count--;
  }

  /** One small step of keeping the index compact; false when there is nothing left to do. */
  merge(): boolean {
    const before = this.#sql.changes.get() ?? 0;
    this.#sql.merge.run();
    // FTS5 documents it so: less than 2 changes = no work was done.
    return (this.#sql.changes.get() ?? 0) - before >= 2;
  }

  *rows(): Generator<{ id: number; path: string }, void, void> {
    let after = -1;
    for (;;) {
      const page = this.#sql.page.all(after) as { id: number; path: string }[];
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  }

  note(id: number): IndexedNote | undefined {
    return this.#sql.note.get(id) as IndexedNote | undefined;
  }

  maxId(): number {
    return this.#sql.maxId.get() ?? 0;
  }

  /** Row ids, ascending, of notes that match; `match` comes from `wordMatch` and friends only. */
  candidates(match: string, limit: number): number[] {
    return this.#sql.match.all(match, limit) as number[];
  }

  /** Calls back with the weights' blob of each note that is there. */
  forward(ids: readonly number[]): [id: number, weights: Buffer][] {
    return this.#sql.forward.all(JSON.stringify(ids)) as [number, Buffer][];
  }

  /** Notes whose file name or title is this, however it is written. */
  named(key: string): string[] {
    return this.#sql.named.all(key, key) as string[];
  }
}

/** The FTS5 expression for a word in some tiers. Words hold letters and digits only, and are quoted besides. */
export function wordMatch(word: string, tiers: readonly Tier[]): string {
  return `(${tiers.map((tier) => `"${word}${TIER_MARKS[tier]}"`).join(' OR ')})`;
}

export function prefixMatch(word: string): string {
  return `"${word}"*`;
}

/** The weight of a word in a forward blob; 0 = the note has it not. */
export function weightIn(forward: Buffer, key: number): number {
  let low = 0;
  let high = forward.length / 4 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const value = forward.readUInt32LE(middle * 4);
    const found = (value & ~MAX_WEIGHT) >>> 0;
    if (found === key) return value & MAX_WEIGHT;
    if (found < key) low = middle + 1;
    else high = middle - 1;
  }
  return 0;
}

/** FNV-1a, its low 4 bits free for the weight. */
export function forwardKey(word: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < word.length; index++) hash = Math.imul(hash ^ word.charCodeAt(index), 0x01000193);
  // The low bits of FNV are its best: they move up, and the weight takes their place.
  return ((hash ^ (hash >>> 28)) << 4) >>> 0;
}

/** How file names are compared in links: folded, without `.md`. */
export function nameKey(path: string): string {
  return foldText(path.slice(path.lastIndexOf('/') + 1).replace(/\.md$/i, ''));
}

function tierOf(weight: number): Tier {
  if (weight >= 12) return 3;
  if (weight >= 10) return 2;
  return weight >= 7 ? 1 : 0;
}
