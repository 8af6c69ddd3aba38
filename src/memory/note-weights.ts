// One note -> its title and the weight (1..15) of each of its words: how much the note is about that word. Weights depend
// on the note alone, so index and file scan give the same scores, and other notes never change a stored one.

import { posix } from 'node:path';
import { wordsOf } from './note-words.ts';

export const MAX_WEIGHT = 15;
const CHUNK_CHARACTERS = 32 * 1024;
const SATURATION = 1.2;
const LENGTH_EFFECT = 0.4;
const USUAL_LENGTH = 200;
const MAX_TITLE_CHARACTERS = 200;
const TITLE_BONUS = 3;
const NAME_BONUS = 3;
const HEADING_BONUS = 1;
const HEADING = /^#{1,6}[ \t]+(.+)$/gm;

export interface WeighedNote {
  title: string;
  weights: Map<string, number>;
}

/** Yields between chunks of a large note, so that no slice gets long. */
export function* weighNote(path: string, text: string): Generator<void, WeighedNote, void> {
  const counts = new Map<string, number>();
  let length = 0;
  for (let from = 0; from < text.length;) {
    const to = chunkEnd(text, from);
    const words = wordsOf(text.slice(from, to));
    length += words.length;
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    from = to;
    if (from < text.length) yield;
  }
  const title = titleOf(path, text);
  for (const [, heading] of text.matchAll(HEADING)) addBonus(counts, heading ?? '', HEADING_BONUS);
  addBonus(counts, title, TITLE_BONUS);
  addBonus(counts, path.replace(/\.md$/i, ''), NAME_BONUS);
  const norm = SATURATION * (1 - LENGTH_EFFECT + (LENGTH_EFFECT * length) / USUAL_LENGTH);
  for (const [word, count] of counts) counts.set(word, Math.max(1, Math.round((MAX_WEIGHT * count) / (count + norm))));
  return { title, weights: counts };
}

/** The first `# ` heading outside code fences, else the file's name. */
export function titleOf(path: string, text: string): string {
  let looked = 0;
  for (const match of text.matchAll(/^#[ \t]+(\S.*)$/gm)) {
    const fences = text.slice(0, match.index).match(/^[ \t]*(?:```|~~~)/gm)?.length ?? 0;
    if (fences % 2 === 0) return (match[1] ?? '').trimEnd().slice(0, MAX_TITLE_CHARACTERS).toWellFormed();
    if (++looked === 20) break;
  }
  return posix.basename(path).replace(/\.md$/i, '');
}

function addBonus(counts: Map<string, number>, text: string, bonus: number): void {
  for (const word of new Set(wordsOf(text))) counts.set(word, (counts.get(word) ?? 0) + bonus);
}

function chunkEnd(text: string, from: number): number {
  const to = from + CHUNK_CHARACTERS;
  if (to >= text.length) return text.length;
  const lineEnd = text.indexOf('\n', to);
  return lineEnd < 0 || lineEnd - to > CHUNK_CHARACTERS ? to : lineEnd + 1;
}
