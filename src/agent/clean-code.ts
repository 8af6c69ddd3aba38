// Undoes what models wrap around the code of a block: a Markdown fence, a doubled tag, an indent of the whole block.
// Guarantee: a fence inside a string (the text of a note) is never touched.
import { findOutsideStrings } from '../lib/python-strings.ts';

const DOUBLED_TAG = /^\s*<python\s*>/i;
const FENCE_LINE = /^\s*```[\w+-]*[ \t]*\r?\n/;
const FENCE_INLINE = /^\s*```(?:python3?|py)?[ \t]*/i;
const CLOSING_FENCE = /```/;

export function cleanCode(block: string): string {
  const code = block.replace(DOUBLED_TAG, '');
  return dedent(
    stripFence(code)
      .replace(/^(?:[ \t]*\r?\n)+/, '')
      .trimEnd(),
  );
}

function stripFence(code: string): string {
  const opening = FENCE_LINE.exec(code) ?? (code.trimStart().startsWith('```') ? FENCE_INLINE.exec(code) : null);
  if (opening === null) return code;
  const inside = code.slice(opening[0].length);
  const closing = findOutsideStrings(inside, CLOSING_FENCE);
  return closing === null ? inside : inside.slice(0, closing.start);
}

/** A first line that is indented is always an error in Python, so taking that indent from every line loses nothing. */
function dedent(code: string): string {
  const indent = /^[ \t]+/.exec(code)?.[0];
  if (indent === undefined) return code;
  return code
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n');
}
