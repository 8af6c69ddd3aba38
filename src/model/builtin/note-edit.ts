// Edits as `update_file` takes them: a piece of the note that occurs first exactly where it is meant, and its replacement.
// All the rest of the note stays byte for byte.
import type { Fact, NoteView } from './note-facts.ts';

export interface NoteEdit {
  path: string;
  oldText: string;
  newText: string;
}

/** Replaces lines [first, last] by `lines`; takes neighbours along until the piece is unmistakable. */
export function editLines(note: NoteView, first: number, last: number, lines: readonly string[]): NoteEdit | null {
  const source = note.text.split('\n');
  const offsets = [0];
  for (const line of source) offsets.push((offsets.at(-1) ?? 0) + line.length + 1);
  const rangeOf = (more: number): [number, number] => [
    Math.max(0, first - more),
    Math.min(source.length - 1, last + more),
  ];
  const pieceOf = (more: number): string => {
    const [from, to] = rangeOf(more);
    return note.text.slice(offsets[from], offsets[to + 1]);
  };
  const isPlain = (more: number): boolean => {
    const oldText = pieceOf(more);
    return oldText.trim() !== '' && note.text.indexOf(oldText) === offsets[rangeOf(more)[0]];
  };
  const most = Math.max(first, source.length - 1 - last);
  // A piece around a plain one is plain, too: so the smallest is found by halves, not line by line through a long note.
  let upTo = 0;
  while (upTo < most && !isPlain(upTo)) upTo = Math.min(most, 2 * upTo + 1);
  if (!isPlain(upTo)) return null;
  let below = upTo === 0 ? -1 : Math.floor((upTo - 1) / 2);
  if (upTo === most) below = -1;
  while (upTo - below > 1) {
    const middle = Math.floor((below + upTo) / 2);
    if (isPlain(middle)) upTo = middle;
    else below = middle;
  }
  const [from, to] = rangeOf(upTo);
  const middle = [...source.slice(from, first), ...lines, ...source.slice(last + 1, to + 1)].join('\n');
  const newText = to < source.length - 1 && middle !== '' ? `${middle}\n` : middle;
  return { path: note.path, oldText: pieceOf(upTo), newText };
}

export function replaceValue(note: NoteView, fact: Fact, value: string): NoteEdit | null {
  const line = note.text.split('\n')[fact.line] ?? '';
  if (fact.valueStart < 0) return editLines(note, fact.line, fact.line, [`${line.trimEnd()} ${value}`]);
  const safe = fact.kind === 'cell' ? value.replaceAll('|', '\\|') : value;
  const changed = line.slice(0, fact.valueStart) + safe + line.slice(fact.valueStart + fact.rawValue.length);
  return editLines(note, fact.line, fact.line, [changed]);
}

/** Takes a fact away, its nested bullets with it; of a table only the cell is emptied. */
export function removeFact(note: NoteView, fact: Fact): NoteEdit | null {
  if (fact.kind === 'cell') return replaceValue(note, fact, '');
  const lines = note.text.split('\n');
  if (fact.kind === 'sentence' && (lines[fact.line] ?? '').trim() !== fact.rawValue)
    return replaceValue(note, fact, '');
  const indentOf = (line: string): number => /^\s*/.exec(line)?.[0].length ?? 0;
  const indent = indentOf(lines[fact.line] ?? '');
  let last = fact.line;
  while (last + 1 < lines.length && (lines[last + 1] ?? '').trim() !== '' && indentOf(lines[last + 1] ?? '') > indent)
    last++;
  return editLines(note, fact.line, last, []);
}

/** Puts a bullet after the last one of the section (`## heading`), or of the first list when none is named. */
export function addBullet(note: NoteView, bullet: string, heading?: string): NoteEdit | null {
  const lines = note.text.split('\n');
  const range = sectionRange(lines, heading);
  if (range === null) {
    const last = lastFilled(lines, lines.length - 1);
    return editLines(note, last, last, [lines[last] ?? '', '', `## ${heading ?? 'Notes'}`, '', bullet]);
  }
  let at = -1;
  let isInList = false;
  for (let line = range.first; line <= range.last; line++) {
    const text = lines[line] ?? '';
    if (/^\s*[-*+]\s/.test(text)) [at, isInList] = [line, true];
    else if (isInList && /^\s{2,}\S/.test(text)) at = line;
    else if (isInList && heading === undefined && text.startsWith('#')) break;
  }
  if (at >= 0) return editLines(note, at, at, [lines[at] ?? '', bullet]);
  const end = lastFilled(lines, range.last);
  return editLines(note, end, end, [lines[end] ?? '', '', bullet]);
}

function sectionRange(lines: readonly string[], heading: string | undefined): { first: number; last: number } | null {
  if (heading === undefined) return { first: 0, last: lines.length - 1 };
  const first = lines.findIndex(
    (line) =>
      /^##+\s/.test(line) &&
      line
        .replace(/^#+\s+/, '')
        .trim()
        .toLowerCase() === heading.toLowerCase(),
  );
  if (first < 0) return null;
  const next = lines.findIndex((line, position) => position > first && /^#{1,2}\s/.test(line));
  return { first, last: next < 0 ? lines.length - 1 : next - 1 };
}

function lastFilled(lines: readonly string[], from: number): number {
  let line = from;
  while (line > 0 && (lines[line] ?? '').trim() === '') line--;
  return line;
}
