// What stands in the place of a secret, `[withheld:KIND-n]`, and whether a secret may go back where a model wrote it.
// Guarantee: a value never becomes code, never opens a tag of the protocol, and never ends the string it is put into.

import { findOutsideStrings, isInString } from '../lib/python-strings.ts';

/** Also what a model makes of a placeholder it does not remember well; a note may hold such a text as well. */
export const PLACEHOLDER = /\[\s*withheld\s*:[^[\]\r\n]{0,80}\]/gi;

const OPENING_PYTHON = /<python\s*>/gi;
const CLOSING_PYTHON = /<\/python\s*>/i;
const PLAIN = /^[\p{L}\p{N}_.-]+$/u;
/** Quotes and backslashes end or change a literal, line ends break it, braces are code in an f-string. */
const UNSAFE_IN_STRING = /["'`\\{}\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const PROTOCOL_TAG = /<\s*(?:\/\s*)?(?:think|python|reply|result|filter|tool)|<\|/gi;

export function placeholderFor(kind: string, count: number): string {
  return `[withheld:${kind}-${count}]`;
}

/** Where in an answer code may begin; found once an answer. */
export function codeStarts(text: string): number[] {
  return [...text.matchAll(OPENING_PYTHON)].map((match) => match.index + match[0].length);
}

/** Whether `value` may stand at `index` of the answer `text`. */
export function maySetIn(text: string, index: number, starts: readonly number[], value: string): boolean {
  if (PLAIN.test(value)) return true;
  // Every tag counts, because which of them opens the block is for others to say.
  const openings = starts.filter((start) => start <= index && !isClosedBefore(text, start, index));
  if (openings.length === 0) return true;
  return !UNSAFE_IN_STRING.test(value) && openings.every((start) => isInString(text, index, start));
}

/** A value must not bring one, nor complete one that the model began. */
export function countTags(text: string): number {
  return text.match(PROTOCOL_TAG)?.length ?? 0;
}

function isClosedBefore(text: string, start: number, index: number): boolean {
  const closing = findOutsideStrings(text, CLOSING_PYTHON, start);
  return closing !== null && closing.start < index;
}

/** The model's thought is neither run nor told to anyone: a wrong placeholder in it does no harm. */
export function endOfThought(text: string): number {
  const end = text.search(/<\/think\s*>/i);
  const code = text.search(OPENING_PYTHON);
  return end === -1 || (code !== -1 && code < end) ? 0 : end;
}
