// What `search` answers: ranked hits with a snippet from the file as it is now. Any text is a safe query.
// Guarantee: while files must be read instead of the index the event loop turns, and after a while there is an answer from what
// was seen so far, or an error that says why there is none; never an empty answer that means "not looked".

import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { prefixCandidates, searchIndex, type RankedNote } from './index-search.ts';
import { nameKey } from './note-index.ts';
import type { SearchHit } from './memory-root.ts';
import { decodeText, type NoteReader } from './note-reader.ts';
import { titleOf } from './note-weights.ts';
import { foldText, queryWords } from './note-words.ts';
import type { SearchableIndex } from './scoped-index.ts';
import { scanNotes, type ScanOptions, type ScanResult } from './scan-search.ts';
import { resultInSlices } from './slices.ts';
import { makeSnippet } from './snippet.ts';

const MAX_QUERY_CHARACTERS = 1000;
const MAX_WORDS = 16;
const MAX_HITS = 100;
const SLICE_MS = 4;
const RETRY_S = 5;

export interface NoteSearchOptions {
  reader: NoteReader;
  index: SearchableIndex;
  /** Brings the index up to date if that is quick; false while files must be read instead. */
  isIndexComplete: () => boolean;
  /** The stored index cannot be read; it must not be complete from then on. */
  onIndexError: (error: unknown) => void;
  /** How long files are read for one answer. */
  scanLimitMs: number;
  clock: Clock;
}

export class NoteSearch {
  readonly #options: NoteSearchOptions;

  constructor(options: NoteSearchOptions) {
    this.#options = options;
  }

  async search(query: string, limit: number): Promise<SearchHit[]> {
    const words = queryWords(query.slice(0, MAX_QUERY_CHARACTERS), MAX_WORDS);
    const wanted = Math.min(MAX_HITS, Math.max(0, Math.floor(limit)));
    if (words.length === 0 || !(wanted > 0)) return [];
    const hits: SearchHit[] = [];
    for (const { path, title, score } of await this.#ranked(words, wanted)) {
      const text = this.#readText(path);
      // Deleted outside since it was indexed: not a hit any more.
      if (text !== null) hits.push({ path, title, snippet: makeSnippet(text, words), score });
    }
    return hits;
  }

  /** Notes whose file name or title is this folded text. */
  async named(key: string): Promise<string[]> {
    if (this.#options.isIndexComplete()) return this.#options.index.named(key);
    const isLate = this.#timeLimit();
    const { paths, isPartial } = await resultInSlices(this.#findNamed(key, isLate), SLICE_MS);
    if (paths.length === 0 && isPartial) throw notReady();
    return paths;
  }

  async #ranked(words: readonly string[], limit: number): Promise<RankedNote[]> {
    const { isIndexComplete, onIndexError } = this.#options;
    if (isIndexComplete()) {
      try {
        return await this.#fromIndex(words, limit);
      } catch (error) {
        onIndexError(error);
      }
    }
    const paths = this.#options.reader.notePaths();
    const isLate = this.#timeLimit();
    const scan = this.#scan({ paths, words, limit, prefix: 'if nothing else is found', isLate });
    const { ranked, isPartial } = await resultInSlices(scan, SLICE_MS);
    if (ranked.length === 0 && isPartial) throw notReady();
    return ranked;
  }

  async #fromIndex(words: readonly string[], limit: number): Promise<RankedNote[]> {
    const hits = searchIndex(this.#options.index, words, limit);
    if (hits.length > 0) return hits;
    const paths = prefixCandidates(this.#options.index, words);
    const scan = this.#scan({ paths, words, limit, prefix: 'always', isLate: this.#timeLimit() });
    return (await resultInSlices(scan, SLICE_MS)).ranked;
  }

  #scan(options: Omit<ScanOptions, 'allNotes' | 'readText'>): Generator<void, ScanResult, void> {
    const { count } = this.#options.index;
    return scanNotes({ ...options, allNotes: count, readText: (path) => this.#readText(path) });
  }

  *#findNamed(key: string, isLate: () => boolean): Generator<void, { paths: string[]; isPartial: boolean }, void> {
    const paths: string[] = [];
    for (const path of this.#options.reader.notePaths()) {
      if (isLate()) return { paths, isPartial: true };
      yield;
      if (path === undefined) continue;
      if (nameKey(path) === key || foldText(titleOf(path, this.#readText(path) ?? '')) === key) paths.push(path);
    }
    return { paths, isPartial: false };
  }

  #timeLimit(): () => boolean {
    const { clock, scanLimitMs } = this.#options;
    const untilMs = clock.monotonicMs() + scanLimitMs;
    return () => clock.monotonicMs() >= untilMs;
  }

  #readText(path: string): string | null {
    try {
      return decodeText(this.#options.reader.readBytes(path), path);
    } catch (error) {
      if (error instanceof AppError && error.code !== 'MEMORY_UNAVAILABLE') return null;
      throw error;
    }
  }
}

function notReady(): AppError {
  return new AppError(
    'MEMORY_UNAVAILABLE',
    'The notes are still being indexed, and nothing was found in those read so far',
    {
      hint: `Try again in ${RETRY_S} s`,
      retryAfterS: RETRY_S,
    },
  );
}
