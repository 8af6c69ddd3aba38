// The part of a note that shows best why it was found: one line, at most 240 characters, whole words at its ends.

import { foldText, wordsOf } from './note-words.ts';

export const MAX_SNIPPET_CHARACTERS = 240;
const WINDOW_CHARACTERS = 16 * 1024;

export function makeSnippet(text: string, words: readonly string[]): string {
  const lines = nearMatch(text, words).split('\n');
  let best = -1;
  let bestScore = 0;
  for (const [position, line] of lines.entries()) {
    const score = matchCount(line, words) - (line.startsWith('#') ? 0.5 : 0);
    if (score > bestScore) {
      best = position;
      bestScore = score;
    }
  }
  const from = best < 0 ? firstBodyLine(lines) : best;
  const line = oneLine(lines[from] ?? '');
  if (line.length > MAX_SNIPPET_CHARACTERS) return cutAround(line, words);
  let snippet = line;
  for (const next of lines.slice(from + 1, from + 12)) {
    const more = oneLine(next);
    if (more === '') continue;
    if (snippet.length + 1 + more.length > MAX_SNIPPET_CHARACTERS) break;
    snippet = snippet === '' ? more : `${snippet} ${more}`;
  }
  return snippet;
}

/** A large note is looked at only around the first place where a word occurs. */
function nearMatch(text: string, words: readonly string[]): string {
  if (text.length <= WINDOW_CHARACTERS) return text;
  const folded = foldText(text);
  const places = words.map((word) => folded.indexOf(word)).filter((place) => place >= 0);
  const at = places.length === 0 ? 0 : Math.min(...places);
  // Folding may move places a little; the window is much wider than that.
  const from = Math.max(0, Math.floor((at / folded.length) * text.length) - WINDOW_CHARACTERS / 2);
  return text.slice(from, from + WINDOW_CHARACTERS).toWellFormed();
}

function matchCount(line: string, words: readonly string[]): number {
  const folded = foldText(line);
  const within = words.filter((word) => folded.includes(word));
  if (within.length === 0) return 0;
  const present = new Set(wordsOf(line));
  const count = within.filter((word) => present.has(word)).length;
  // Nothing whole: beginnings of words count a little (prefix search).
  return count > 0 ? count : 0.6;
}

function cutAround(line: string, words: readonly string[]): string {
  const folded = foldText(line);
  const places = words.map((word) => folded.indexOf(word)).filter((place) => place >= 0);
  const at = places.length === 0 ? 0 : Math.min(...places);
  const room = MAX_SNIPPET_CHARACTERS - 6;
  let from = Math.max(0, Math.min(at - 60, line.length - room));
  const to = Math.min(line.length, from + room);
  if (from > 0) from = wordStart(line, from, at);
  return `${from > 0 ? '...' : ''}${line.slice(from, to).trim()}${to < line.length ? '...' : ''}`.toWellFormed();
}

function wordStart(line: string, from: number, limit: number): number {
  const space = line.indexOf(' ', from);
  return space >= 0 && space < limit ? space + 1 : from;
}

function firstBodyLine(lines: readonly string[]): number {
  const isFrontMatter = lines[0]?.trim() === '---';
  const start = isFrontMatter ? lines.findIndex((line, position) => position > 0 && line.trim() === '---') + 1 : 0;
  const body = lines.findIndex((line, position) => position >= start && line.trim() !== '' && !line.startsWith('#'));
  return body < 0 ? 0 : body;
}

function oneLine(line: string): string {
  return line.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
}
