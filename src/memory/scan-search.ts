// Search by reading files, for as long as the index is not complete, and for the beginnings of words. Same scores as the
// index gives. A cheap look at the raw text first, so that only the most promising notes are weighed word by word.

import { foldText } from './note-words.ts';
import { weighNoteNow, type WeighedNote } from './note-weights.ts';
import type { RankedNote } from './index-search.ts';
import { coverageScore, inverseFrequency } from './scores.ts';

const MAX_WEIGHED = 400;

export interface ScanOptions {
  paths: Iterable<string>;
  /** null when the note is gone or cannot be read. */
  readText: (path: string) => string | null;
  words: readonly string[];
  limit: number;
  /** True: a word of the query also stands for the beginning of a longer one. */
  allowPrefix?: boolean;
  /** Notes in the root, when `paths` are only some of them. */
  allNotes?: number;
}

interface Candidate {
  path: string;
  matched: number;
}

export function scanNotes(options: ScanOptions): RankedNote[] {
  const { words } = options;
  const candidates: Candidate[] = [];
  let total = 0;
  for (const path of options.paths) {
    total++;
    const text = options.readText(path);
    if (text === null) continue;
    const folded = `${foldText(path)}\n${foldText(text)}`;
    let matched = 0;
    for (const word of words) if (folded.includes(word)) matched++;
    if (matched > 0) candidates.push({ path, matched });
  }
  candidates.sort((a, b) => b.matched - a.matched);
  const weighed: { path: string; note: WeighedNote; weights: number[] }[] = [];
  for (const { path } of candidates.slice(0, MAX_WEIGHED)) {
    const text = options.readText(path);
    if (text === null) continue;
    const note = weighNoteNow(path, text);
    const weights = words.map(
      (word) => note.weights.get(word) ?? (options.allowPrefix === true ? prefixWeight(note, word) : 0),
    );
    if (weights.some((weight) => weight > 0)) weighed.push({ path, note, weights });
  }
  const frequencies = words.map((_word, position) => {
    const withWord = weighed.filter(({ weights }) => (weights[position] ?? 0) > 0).length;
    return inverseFrequency(withWord, Math.max(total, options.allNotes ?? 0));
  });
  return weighed
    .map(({ path, note, weights }) => ({
      path,
      title: note.title,
      score: coverageScore(weights, frequencies, words.length),
    }))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .slice(0, options.limit);
}

function prefixWeight(note: WeighedNote, word: string): number {
  let best = 0;
  for (const [candidate, weight] of note.weights) if (weight > best && candidate.startsWith(word)) best = weight;
  return best;
}
