// Ranked search over the stored index whose cost does not grow with how common the words are: rare words give all their
// notes, common words only their best ones; at most some hundred candidates are scored.

import { forwardKey, TIERS, weightIn, wordMatch, prefixMatch, type Tier } from './note-index.ts';
import type { SearchableIndex } from './scoped-index.ts';
import { coverageScore, inverseFrequency } from './scores.ts';

/** A word with fewer notes than this gives them all. */
const RARE = 256;
const PER_TIER = 96;
const MAX_PREFIX_CANDIDATES = 40;

export interface RankedNote {
  path: string;
  title: string;
  score: number;
}

interface Term {
  word: string;
  key: number;
  notes: number;
  /** All notes of a rare word; undefined for a common one. */
  all: number[] | undefined;
}

export function searchIndex(index: SearchableIndex, words: readonly string[], limit: number): RankedNote[] {
  const maxId = index.maxId();
  const terms = words.map((word) => probe(index, word, maxId)).filter((term) => term.notes > 0);
  if (terms.length === 0) return [];
  terms.sort((a, b) => a.notes - b.notes);
  const ranked = score(index, candidatesOf(index, terms, limit), terms, words.length);
  const hits: RankedNote[] = [];
  for (const { id, score } of ranked.slice(0, limit)) {
    const note = index.note(id);
    if (note !== undefined) hits.push({ ...note, score });
  }
  return hits;
}

/** Paths of notes with words that begin so, for when no whole word was found. */
export function prefixCandidates(index: SearchableIndex, words: readonly string[]): string[] {
  const paths = new Set<string>();
  for (const word of words) {
    if (word.length < 2) continue;
    for (const id of index.candidates(prefixMatch(word), MAX_PREFIX_CANDIDATES)) {
      const note = index.note(id);
      if (note !== undefined) paths.add(note.path);
    }
  }
  return [...paths].slice(0, MAX_PREFIX_CANDIDATES);
}

/** Reads the first notes of a word; of a common one the spacing of their ids tells how many there are in all. */
function probe(index: SearchableIndex, word: string, maxId: number): Term {
  const ids = index.candidates(wordMatch(word, TIERS), RARE);
  const key = forwardKey(word);
  if (ids.length < RARE) return { word, key, notes: ids.length, all: ids };
  const spread = Math.max(ids.at(-1) ?? 1, 1);
  const notes = Math.min(index.count, Math.max(ids.length, Math.round((ids.length * maxId) / spread)));
  return { word, key, notes, all: undefined };
}

function candidatesOf(index: SearchableIndex, terms: readonly Term[], limit: number): number[] {
  const ids = new Set<number>();
  for (const term of terms) for (const id of term.all ?? []) ids.add(id);
  const common = terms.filter((term) => term.all === undefined);
  // Notes that hold a rare word beat those that hold common ones only; with enough of them the rest is not looked at.
  if (common.length === 0 || ids.size >= Math.max(limit, 50)) return [...ids];
  const need = Math.max(PER_TIER, limit);
  if (common.length > 1) {
    addMatches(ids, index, common, [3, 2], need);
    addMatches(ids, index, common, TIERS, need);
    const [rarest, next] = common;
    if (common.length > 2 && rarest !== undefined && next !== undefined)
      addMatches(ids, index, [rarest, next], TIERS, need);
  }
  for (const term of common.slice(0, 3)) {
    let left = need;
    for (const tier of TIERS) {
      const found = index.candidates(wordMatch(term.word, [tier]), left);
      for (const id of found) ids.add(id);
      left -= found.length;
      if (left <= 0) break;
    }
  }
  return [...ids];
}

function addMatches(
  ids: Set<number>,
  index: SearchableIndex,
  terms: readonly Term[],
  tiers: readonly Tier[],
  limit: number,
): void {
  const match = terms.map((term) => wordMatch(term.word, tiers)).join(' AND ');
  for (const id of index.candidates(match, limit)) ids.add(id);
}

function score(
  index: SearchableIndex,
  ids: readonly number[],
  terms: readonly Term[],
  wordCount: number,
): { id: number; score: number }[] {
  const frequencies = terms.map((term) => inverseFrequency(term.notes, index.count));
  const scored: { id: number; score: number }[] = [];
  for (const [id, forward] of index.forward(ids)) {
    const weights = terms.map((term) => weightIn(forward, term.key));
    scored.push({ id, score: coverageScore(weights, frequencies, wordCount) });
  }
  return scored.sort((a, b) => b.score - a.score || a.id - b.id);
}
