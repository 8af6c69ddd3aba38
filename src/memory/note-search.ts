// What `search` answers: ranked hits with a snippet from the file as it is now. Any text is a safe query.

import { AppError } from '../lib/app-error.ts';
import { prefixCandidates, searchIndex, type RankedNote } from './index-search.ts';
import type { NoteIndex } from './note-index.ts';
import type { SearchHit } from './memory-root.ts';
import { decodeText, type NoteReader } from './note-reader.ts';
import { queryWords } from './note-words.ts';
import { scanNotes } from './scan-search.ts';
import { makeSnippet } from './snippet.ts';

const MAX_QUERY_CHARACTERS = 1000;
const MAX_WORDS = 16;
const MAX_HITS = 100;

export interface NoteSearchOptions {
  reader: NoteReader;
  index: NoteIndex;
  /** Brings the index up to date if that is quick; false while files must be read instead. */
  isIndexComplete: () => boolean;
  /** The stored index cannot be read; it must not be complete from then on. */
  onIndexError: (error: unknown) => void;
}

export class NoteSearch {
  readonly #options: NoteSearchOptions;

  constructor(options: NoteSearchOptions) {
    this.#options = options;
  }

  search(query: string, limit: number): SearchHit[] {
    const words = queryWords(query.slice(0, MAX_QUERY_CHARACTERS), MAX_WORDS);
    const wanted = Math.min(MAX_HITS, Math.max(0, Math.floor(limit)));
    if (words.length === 0 || !(wanted > 0)) return [];
    const hits: SearchHit[] = [];
    for (const { path, title, score } of this.#ranked(words, wanted)) {
      const text = this.readText(path);
      // Deleted outside since it was indexed: not a hit any more.
      if (text !== null) hits.push({ path, title, snippet: makeSnippet(text, words), score });
    }
    return hits;
  }

  readText(path: string): string | null {
    try {
      return decodeText(this.#options.reader.readBytes(path), path);
    } catch (error) {
      if (error instanceof AppError && error.code !== 'MEMORY_UNAVAILABLE') return null;
      throw error;
    }
  }

  #ranked(words: readonly string[], limit: number): RankedNote[] {
    const { isIndexComplete, onIndexError } = this.#options;
    if (isIndexComplete()) {
      try {
        return this.#fromIndex(words, limit);
      } catch (error) {
        onIndexError(error);
      }
    }
    const paths = this.#options.reader.listNotes().map((note) => note.path);
    const hits = this.#scan(paths, words, limit, false);
    return hits.length > 0 ? hits : this.#scan(paths, words, limit, true);
  }

  #fromIndex(words: readonly string[], limit: number): RankedNote[] {
    const hits = searchIndex(this.#options.index, words, limit);
    return hits.length > 0 ? hits : this.#scan(prefixCandidates(this.#options.index, words), words, limit, true);
  }

  #scan(paths: readonly string[], words: readonly string[], limit: number, allowPrefix: boolean): RankedNote[] {
    const { count } = this.#options.index;
    return scanNotes({ paths, words, limit, allowPrefix, allNotes: count, readText: (path) => this.readText(path) });
  }
}
