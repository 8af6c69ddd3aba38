// Finds a pattern in Python source where it is not part of a string literal or a comment.
// It is no parser: it knows quotes, triple quotes, backslashes and comments, which is what a tag search needs.

export interface Found {
  start: number;
  end: number;
}

/** The first match of the sticky, case-insensitive form of `pattern` that starts outside strings; null if there is none. */
export function findOutsideStrings(source: string, pattern: RegExp, from = 0): Found | null {
  const sticky = new RegExp(pattern.source, 'iy');
  let index = from;
  while (index < source.length) {
    const character = source.charAt(index);
    if (character === '"' || character === "'") {
      index = endOfString(source, index);
      continue;
    }
    sticky.lastIndex = index;
    const match = sticky.exec(source);
    if (match !== null) return { start: index, end: index + match[0].length };
    index = character === '#' ? endOfComment(source, index, sticky) : index + 1;
  }
  return null;
}

/** Whether `index` lies inside a string literal of the code that starts at `from`. */
export function isInString(source: string, index: number, from = 0): boolean {
  let at = from;
  while (at <= index) {
    const character = source.charAt(at);
    if (character === '"' || character === "'") {
      const end = endOfString(source, at);
      if (index > at && index < end) return true;
      at = end;
    } else if (character === '#') {
      const lineEnd = source.indexOf('\n', at);
      at = lineEnd === -1 ? source.length + 1 : lineEnd + 1;
    } else at += 1;
  }
  return false;
}

/** Just past the literal that opens at `index`; a one-line literal that is never closed ends with its line. */
function endOfString(source: string, index: number): number {
  const quote = source.charAt(index);
  const triple = quote.repeat(3);
  if (source.startsWith(triple, index)) {
    for (let at = index + 3; at < source.length; at += 1) {
      if (source.charAt(at) === '\\') at += 1;
      else if (source.startsWith(triple, at)) return at + 3;
    }
    return source.length;
  }
  for (let at = index + 1; at < source.length; at += 1) {
    const character = source.charAt(at);
    if (character === '\\') at += 1;
    else if (character === quote) return at + 1;
    else if (character === '\n') return at;
  }
  return source.length;
}

/** A quote in a comment opens nothing; but the searched tag may stand at the end of a comment line and still counts. */
function endOfComment(source: string, index: number, sticky: RegExp): number {
  let at = index + 1;
  while (at < source.length && source.charAt(at) !== '\n') {
    sticky.lastIndex = at;
    if (sticky.test(source)) return at;
    at += 1;
  }
  return at;
}
