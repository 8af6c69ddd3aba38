// Text of notes, clients and models for a terminal. Guarantee: nothing in it that a terminal would obey, and nothing that hides or
// reorders what an operator reads; what is one field stays one line.

const REPLACEMENT = '\uFFFD';
/** Controls, and the characters that turn the direction of what follows. */
const NOT_IN_A_LINE = /[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu;
const NOT_IN_TEXT = /(?![\n\t])[\p{Cc}\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]/gu;

export function harmlessLine(text: string): string {
  return text.replaceAll(NOT_IN_A_LINE, REPLACEMENT);
}

/** Line breaks and tabs stay. */
export function harmlessText(text: string): string {
  return text.replaceAll('\r\n', '\n').replaceAll(NOT_IN_TEXT, REPLACEMENT);
}
