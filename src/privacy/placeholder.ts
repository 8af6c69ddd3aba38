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

/** Characters, in one answer. */
const MOST_LOOKED_AT = 10_000_000;

export function placeholderFor(kind: string, count: number): string {
  return `[withheld:${kind}-${count}]`;
}

/**
 * For the answer `text`: whether a value may stand at an index of it, asked from the first to the last. An answer of nothing but opening tags and
 * placeholders is not looked through for each pair of them: what would take too long may not.
 */
export function createPlacer(text: string): (index: number, value: string) => boolean {
  const starts = [...text.matchAll(OPENING_PYTHON)].map((match) => match.index + match[0].length);
  let open: { start: number; closing: number }[] = [];
  let next = 0;
  let looked = 0;
  return (index, value) => {
    if (PLAIN.test(value)) return true;
    // Every tag counts, because which of them opens the block is for others to say.
    for (let start = starts[next]; start !== undefined && start <= index; start = starts[next]) {
      if (looked > MOST_LOOKED_AT) return false;
      const closing = findOutsideStrings(text, CLOSING_PYTHON, start)?.start ?? text.length;
      looked += closing - start;
      open.push({ start, closing });
      next += 1;
    }
    open = open.filter(({ closing }) => closing >= index);
    if (open.length === 0) return true;
    if (UNSAFE_IN_STRING.test(value)) return false;
    return open.every(({ start }) => {
      looked += index - start;
      return looked <= MOST_LOOKED_AT && isInString(text, index, start);
    });
  };
}

/** A value must not bring one, nor complete one that the model began. */
export function countTags(text: string): number {
  return text.match(PROTOCOL_TAG)?.length ?? 0;
}

/** The model's thought is neither run nor told to anyone: a wrong placeholder in it does no harm. */
export function endOfThought(text: string): number {
  const end = text.search(/<\/think\s*>/i);
  const code = text.search(OPENING_PYTHON);
  return end === -1 || (code !== -1 && code < end) ? 0 : end;
}
