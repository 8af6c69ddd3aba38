// Search by reading files, for as long as the index is not complete, and for the beginnings of words. Same scores as the
// index gives. A cheap look at the raw text first, so that only the most promising notes are weighed word by word.
// Guarantee: yields often, and once it is late it answers from what it has seen, and says so.

import type { RankedNote } from './index-search.ts';
import { weighNote, type WeighedNote } from './note-weights.ts';
import { foldText } from './note-words.ts';
import { coverageScore, inverseFrequency } from './scores.ts';

const MAX_WEIGHED = 400;

export interface ScanOptions {
  /** `undefined` is a step that met no note. */
  paths: Iterable<string | undefined>;
  /** null when the note is gone or cannot be read. */
  readText: (path: string) => string | null;
  words: readonly string[];
  limit: number;
  /** Whether a word of the query also stands for the beginning of a longer one. */
  prefix: 'always' | 'if nothing else is found';
  /** Notes in the root, when `paths` are only some of them. */
  allNotes: number;
  /** True once no more files may be looked at. */
  isLate(): boolean;
}

export interface ScanResult {
  ranked: RankedNote[];
  /** Some files were not looked at. */
  isPartial: boolean;
}

interface Weighed {
  path: string;
  note: WeighedNote;
}

export function* scanNotes(options: ScanOptions): Generator<void, ScanResult, void> {
  const { candidates, notes, isPartial } = yield* findCandidates(options);
  const weighed: Weighed[] = [];
  yield* weighCandidates(options, candidates, weighed);
  const allNotes = Math.max(notes, options.allNotes);
  const exact = options.prefix === 'always' ? [] : rank(options, allNotes, weighed, wordWeight);
  return { ranked: exact.length > 0 ? exact : rank(options, allNotes, weighed, prefixWeight), isPartial };
}

/** Notes that hold a word somewhere, the most words first. */
function* findCandidates(
  options: ScanOptions,
): Generator<void, { candidates: string[]; notes: number; isPartial: boolean }, void> {
  // By how many words they hold; more of one kind than are weighed is of no use.
  const candidates: string[][] = options.words.map(() => []);
  let notes = 0;
  let isPartial = false;
  for (const path of options.paths) {
    if (options.isLate()) {
      isPartial = true;
      break;
    }
    const text = path === undefined ? null : options.readText(path);
    yield;
    if (path === undefined || text === null) continue;
    notes += 1;
    const folded = `${foldText(path)}\n${foldText(text)}`;
    const matched = options.words.filter((word) => folded.includes(word)).length;
    const alike = candidates[matched - 1];
    if (alike !== undefined && alike.length < MAX_WEIGHED) alike.push(path);
  }
  return { candidates: candidates.toReversed().flat().slice(0, MAX_WEIGHED), notes, isPartial };
}

function* weighCandidates(
  { readText }: ScanOptions,
  candidates: readonly string[],
  weighed: Weighed[],
): Generator<void, void, void> {
  for (const path of candidates) {
    const text = readText(path);
    if (text !== null) weighed.push({ path, note: yield* weighNote(path, text) });
    yield;
  }
}

function rank(
  { words, limit }: ScanOptions,
  allNotes: number,
  weighed: readonly Weighed[],
  weightOf: (note: WeighedNote, word: string) => number,
): RankedNote[] {
  const found = weighed
    .map(({ path, note }) => ({ path, note, weights: words.map((word) => weightOf(note, word)) }))
    .filter(({ weights }) => weights.some((weight) => weight > 0));
  const frequencies = words.map((_word, position) => {
    const withWord = found.filter(({ weights }) => (weights[position] ?? 0) > 0).length;
    return inverseFrequency(withWord, allNotes);
  });
  return found
    .map(({ path, note, weights }) => ({
      path,
      title: note.title,
      score: coverageScore(weights, frequencies, words.length),
    }))
    .sort((a, b) => b.score - a.score || (a.path < b.path ? -1 : 1))
    .slice(0, limit);
}

function wordWeight(note: WeighedNote, word: string): number {
  return note.weights.get(word) ?? 0;
}

function prefixWeight(note: WeighedNote, word: string): number {
  const exact = note.weights.get(word);
  if (exact !== undefined) return exact;
  let best = 0;
  for (const [candidate, weight] of note.weights) if (weight > best && candidate.startsWith(word)) best = weight;
  return best;
}
