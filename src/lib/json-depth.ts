// How deep a JSON text is nested, found without parsing it: what is built from a megabyte of brackets costs a second of everybody's
// time wherever it is looked at. It need not be valid; whether it is, is the parser's question.

const [QUOTE, BACKSLASH, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];

/** True when more than `levels` arrays and objects are open at once. */
export function isDeeperThan(text: string, levels: number): boolean {
  // Fewer brackets than that can't be deeper.
  if (text.length <= levels) return false;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (isInString) {
      if (code === BACKSLASH) i += 1;
      else if (code === QUOTE) isInString = false;
    } else if (code === QUOTE) isInString = true;
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > levels) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth -= 1;
  }
  return false;
}
