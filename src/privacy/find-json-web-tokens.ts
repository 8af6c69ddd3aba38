// JSON web tokens by their dots. From `eyJ` on, a pattern would go over 600 characters at each of hundreds of `eyJ`.
// Guarantee: the matches of the pattern, each run in front of a dot looked at once.

const START = 'eyJ';
const SHORTEST_HEADER = START.length + 8;
const LONGEST_HEADER = START.length + 600;

/** `pattern` is sticky; its header is one run of `A-Za-z0-9_-` before its first dot. */
export function* findJsonWebTokens(text: string, pattern: RegExp): Generator<RegExpExecArray> {
  let from = 0;
  for (let dot = text.indexOf('.'); dot !== -1; dot = text.indexOf('.', Math.max(dot + 1, from))) {
    let runStart = dot;
    while (runStart > from && dot - runStart < LONGEST_HEADER && isHeader(text.charCodeAt(runStart - 1))) runStart -= 1;
    if (dot - runStart < SHORTEST_HEADER) continue;
    const start = text.slice(runStart, dot).indexOf(START);
    // What follows the dot is the same for each start, so the first one tells for all.
    if (start === -1) continue;
    pattern.lastIndex = runStart + start;
    const match = pattern.exec(text);
    if (match === null) continue;
    yield match;
    from = match.index + match[0].length;
  }
}

function isHeader(code: number): boolean {
  const isDigit = code >= 48 && code <= 57;
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
  return isDigit || isLetter || code === 45 || code === 95;
}
