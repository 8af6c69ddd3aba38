// A text as a reader sees it behind an encoding: escapes, percent signs and entities decoded, invisible characters gone,
// lines that Markdown wrapped joined. Guarantee: every place in a view is known in the text it was made from.

export interface TextRange {
  start: number;
  end: number;
}

export interface SecretRange extends TextRange {
  kind: string;
}

export interface FoundSecret extends SecretRange {
  /** As it reads without its encoding, so that it is known again in any other. */
  value: string;
}

export interface TextView {
  readonly text: string;
  /** Where the characters `start` to `end` of the view stand in the source. */
  sourceOf(start: number, end: number): TextRange;
}

/** Nested encodings are undone layer by layer; a note inside JSON inside a Python `repr` has three. */
const MAX_LAYERS = 4;

const ENCODED = new RegExp(
  [
    String.raw`\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[nrt'"\\])`,
    String.raw`%(?:[2-7][0-9a-fA-F]|0[9aAdD])`,
    String.raw`&(?:#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6})|amp|lt|gt|quot|apos);`,
    String.raw`[\p{Default_Ignorable_Code_Point}\p{Cf}]`,
    // Full-width and mathematical letters, and the hyphens and blanks that typesetters use.
    String.raw`[\uFF01-\uFF5E\u{1D400}-\u{1D7FF}\u2010-\u2013\u2212\u00A0\u2007\u202F]`,
  ].join('|'),
  'gu',
);
const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** What Markdown may put into a token: a line end with quote and list marks behind it, `<br>`, emphasis, `\_`. */
const WRAPPED =
  /(?<![ \t])[ \t]*\\?(?:\r\n?|\n|<w?br\s*\/?>)(?![ \t]*[\r\n])(?:[ \t>]|(?:[-+*]|\d{1,3}[.)])(?=[ \t]))*|[*`~]+|\\(?=[-_])/gi;

export function plainView(text: string): TextView {
  return { text, sourceOf: (start, end) => ({ start, end }) };
}

/** The text itself, then one view a layer of encoding. */
export function decodedViews(text: string): TextView[] {
  const views = [plainView(text)];
  for (let view = views[0]; view !== undefined && views.length <= MAX_LAYERS;) {
    view = replaceIn(view, ENCODED, decode);
    if (view !== undefined) views.push(view);
  }
  return views;
}

/** The view without what wraps a token; undefined if nothing does. */
export function joinedView(view: TextView): TextView | undefined {
  return replaceIn(view, WRAPPED, () => '');
}

/** Undefined if the pattern occurs nowhere. Each replacement stands for the whole of what it replaces. */
function replaceIn(view: TextView, pattern: RegExp, replace: (match: string) => string): TextView | undefined {
  const pieces: string[] = [];
  /** Ends of the pieces in the new text; where each begins in the old one; and whether it was copied as it is. */
  const ends: number[] = [];
  const origins: number[] = [];
  const lengths: number[] = [];
  let length = 0;
  const push = (piece: string, origin: number, originLength: number): void => {
    if (piece === '') return;
    pieces.push(piece);
    length += piece.length;
    ends.push(length);
    origins.push(origin);
    lengths.push(originLength);
  };
  let from = 0;
  for (const match of view.text.matchAll(pattern)) {
    push(view.text.slice(from, match.index), from, match.index - from);
    push(replace(match[0]), match.index, match[0].length);
    from = match.index + match[0].length;
  }
  if (from === 0) return undefined;
  push(view.text.slice(from), from, view.text.length - from);

  const pieceAt = (index: number): number => {
    let low = 0;
    let high = ends.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((ends[middle] ?? 0) > index) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  const startOf = (index: number): number => {
    const piece = pieceAt(index);
    const pieceStart = (ends[piece] ?? 0) - (pieces[piece]?.length ?? 0);
    const isCopy = pieces[piece]?.length === lengths[piece];
    return (origins[piece] ?? 0) + (isCopy ? index - pieceStart : 0);
  };
  const endOf = (index: number): number => {
    const piece = pieceAt(index);
    const pieceStart = (ends[piece] ?? 0) - (pieces[piece]?.length ?? 0);
    const isCopy = pieces[piece]?.length === lengths[piece];
    return (origins[piece] ?? 0) + (isCopy ? index - pieceStart + 1 : (lengths[piece] ?? 0));
  };
  return {
    text: pieces.join(''),
    sourceOf: (start, end) => view.sourceOf(startOf(start), endOf(end - 1)),
  };
}

function decode(match: string): string {
  const [first = '', second = ''] = match;
  if (first === '\\') {
    if (second === 'x' || second === 'u' || second === 'U') return codePoint(Number.parseInt(match.slice(2), 16));
    return ESCAPED[second] ?? second;
  }
  if (first === '%') return codePoint(Number.parseInt(match.slice(1), 16));
  if (first === '&') {
    const name = match.slice(1, -1).toLowerCase();
    if (!name.startsWith('#')) return ENTITIES[name] ?? '';
    return codePoint(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  }
  if (/^[\u2010-\u2013\u2212]$/.test(match)) return '-';
  if (/^[\u00A0\u2007\u202F]$/.test(match)) return ' ';
  return /^[\uFF01-\uFF5E\u{1D400}-\u{1D7FF}]$/u.test(match) ? match.normalize('NFKC') : '';
}

function codePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '';
}
