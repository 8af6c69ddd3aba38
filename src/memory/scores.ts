// The one scoring rule of search, whether the candidates come from the index or from a scan of the files.

import { MAX_WEIGHT } from './note-weights.ts';

/** How much a word tells: high for rare ones, near 0 for one that is everywhere. */
export function inverseFrequency(notesWithWord: number, allNotes: number): number {
  const total = Math.max(allNotes, notesWithWord);
  return Math.log(1 + (total - notesWithWord + 0.5) / (notesWithWord + 0.5));
}

/** Sum over the words, raised when a note has more of the query's words. Three decimals, so that ties are ties. */
export function coverageScore(weights: readonly number[], frequencies: readonly number[], wordCount: number): number {
  let sum = 0;
  let matched = 0;
  for (const [position, weight] of weights.entries()) {
    if (weight === 0) continue;
    matched++;
    sum += (frequencies[position] ?? 0) * (weight / MAX_WEIGHT);
  }
  if (matched === 0) return 0;
  return Math.round(1000 * sum * (0.5 + (0.5 * matched) / Math.max(wordCount, 1))) / 1000;
}
