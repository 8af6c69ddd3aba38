// Every secret in a text, whatever it is hidden in: escapes, percent signs, invisible characters, lines wrapped by Markdown.
// Guarantee: places are in the text as it was given, in order, and none overlaps another.

import { findCheckedNumbers } from './checked-number.ts';
import { findJsonWebTokens } from './find-json-web-tokens.ts';
import { findListedSecrets } from './listed-secret.ts';
import { findRandomTokens } from './random-token.ts';
import { findAssignments } from './secret-assignment.ts';
import type { FoundSecret, SecretRange, TextView } from './text-view.ts';
import { TOKEN_FORMATS } from './token-format-table.ts';

const FORMATS = TOKEN_FORMATS.map(({ kind, pattern }) => ({
  kind,
  matchesIn: matcherOf(kind, pattern),
  whole: new RegExp(`^(?:${pattern.source})$`, pattern.flags),
  /** Only what is a secret from its first character can be told when it is wrapped. */
  isWhole: !pattern.source.includes('(?<secret>'),
}));
/** A block that was cut off before its end counts as far as it goes. */
const PRIVATE_KEY =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----BEGIN )[\s\S])*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|(?=<\/result>|```|$(?![\s\S])))/g;

/** Looks at whether a wrapped token is complete, before all of it counts as the secret. */
const MOST_LOOKS = 50;

function matcherOf(kind: string, pattern: RegExp): (text: string) => Iterable<RegExpExecArray> {
  if (kind === 'jwt') {
    const sticky = new RegExp(pattern, 'dy');
    return (text) => findJsonWebTokens(text, sticky);
  }
  const anywhere = new RegExp(pattern, `gd${pattern.flags}`);
  return (text) => text.matchAll(anywhere);
}

/** In a view of a text; `joined` are the views without what wraps a token. */
export function* findSecrets(views: readonly TextView[], joined: readonly TextView[]): Generator<FoundSecret> {
  for (const view of views) {
    for (const { kind, start, end } of findInView(view.text)) {
      yield { kind, value: view.text.slice(start, end), ...view.sourceOf(start, end) };
    }
  }
  for (const view of joined) yield* findWrapped(view);
}

function* findInView(text: string): Generator<SecretRange> {
  for (const { index, 0: block } of text.matchAll(PRIVATE_KEY)) {
    yield { kind: 'private-key', start: index, end: index + block.length };
  }
  for (const { kind, matchesIn } of FORMATS) {
    for (const match of matchesIn(text)) {
      const [start, end] = match.indices?.groups?.['secret'] ?? [match.index, match.index + match[0].length];
      yield { kind, start, end };
    }
  }
  yield* findCheckedNumbers(text);
  yield* findAssignments(text);
  yield* findListedSecrets(text);
  for (const range of findRandomTokens(text)) yield { kind: 'random-token', ...range };
}

function* findWrapped(view: TextView): Generator<FoundSecret> {
  for (const { kind, matchesIn, whole, isWhole } of FORMATS) {
    if (!isWhole) continue;
    for (const match of matchesIn(view.text)) {
      const found = wrappedPart(view, match.index, match[0], (part) => whole.test(part));
      if (found !== null) yield { kind, ...found };
    }
  }
  for (const { start, end } of findRandomTokens(view.text)) {
    const found = wrappedPart(view, start, view.text.slice(start, end), () => true);
    if (found !== null) yield { kind: 'random-token', ...found };
  }
}

/**
 * A match in the joined view runs on into the next line whatever stands there. It takes in a next piece while it is not
 * complete without it, or while the piece is no word. Null if nothing is wrapped: then the plain views have found it.
 */
function wrappedPart(
  view: TextView,
  start: number,
  text: string,
  isComplete: (part: string) => boolean,
): Omit<FoundSecret, 'kind'> | null {
  let pieceStart = start;
  let end = start;
  let isWrapped = false;
  let looks = 0;
  const isDone = (): boolean => (looks += 1) <= MOST_LOOKS && isComplete(view.text.slice(start, end));
  for (let at = start + 1; at <= start + text.length; at += 1) {
    const isLast = at === start + text.length;
    if (!isLast && view.sourceOf(at - 1, at).end === view.sourceOf(at, at + 1).start) continue;
    const piece = view.text.slice(pieceStart, at);
    if (end > start && !isFragment(piece) && isDone()) break;
    isWrapped ||= end > start;
    end = at;
    pieceStart = at;
  }
  return isWrapped ? { value: view.text.slice(start, end), ...view.sourceOf(start, end) } : null;
}

function isFragment(piece: string): boolean {
  return piece.length >= 20 || (/\d/.test(piece) && /[A-Za-z]/.test(piece)) || /[a-z][A-Z]/.test(piece);
}
