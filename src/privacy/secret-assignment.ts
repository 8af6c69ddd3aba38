// Secrets that stand behind their name: `password: …`, `API_KEY=…`, `"pwd": "…"`, `the PIN is 4711`.

import { NO_SECRET, SAID_OF_SECRETS, SECRET_WORD } from './secret-words-table.ts';
import type { SecretRange } from './text-view.ts';

/** Between the name and its value: a plural, a suffix, a bracket, "for the router", closing marks, and the sign itself. */
const SEPARATOR =
  /(?:e?s|n)?(?:[_-]\w{1,20}){0,2}(?:[ \t]*\([^()\r\n]{0,60}\))?(?:[ \t]+(?:for|of|to|on|at|in|from|für|zu|von|de|du|pour|del|para)[ \t][^\r\n:=|.;!?"']{1,60}?)?["'`*_\])]{0,4}[ \t]*(?<sign>:=|=>|={1,3}|:|(?<=[ \t])(?:is|was|lautet|ist|war|es|est)(?=[ \t]))[ \t]*(?:\r?\n[ \t]+(?:[-+*][ \t]+)?)?/iuy;
const PIN_SEPARATOR = /[ \t]+(?=\d{4,8}(?![\d.,:/-]))/y;
/** No two repeats that take the same characters stand beside each other, or 120 dashes would take for ever. */
const LINE_START =
  /(?:^|[\r\n]|\\[nr])[ \t>]*(?:(?:[-+*]|\d{1,3}[.)])[ \t]*)?["'`*_[]*(?:[\p{L}\p{N}.-]+[ _]){0,3}(?:[\p{L}\p{N}.-]+[ _-])?$/u;
const OPENING = /(?:\*\*|__|["'`“‘«])?/y;
const CLOSING: Readonly<Record<string, string>> = { '“': '”', '‘': '’', '«': '»' };
/** A repr'd newline ends a line as a real one does; a quote before a bracket or comma closes the string it is all in. */
const REST_OF_LINE = /(?:(?!\\[nrt]|<br|["'](?:[,}\])]|[ \t]*$))[^\r\n|])+/imy;
const ONE_TOKEN = /(?:(?!\\[nrt])[^\s|&"'`])+/y;
const MORE_WORDS = /(?:[ \t]+[\p{Ll}]+){1,23}(?=[ \t]*(?:[.,;()|\r\n\\"']|$))/uy;
const TRAILING = /[\s"'`*_})\],;.:]/;
/** A variable, a call or a pattern of code: it names a secret but is none. */
const CODE = /^(?:\$\{?[A-Z_]+\}?$|\{\{|<[\w -]+>$|%[sd]$|[A-Za-z_][\w.]*[([])|\\[SsWwDd]|\.[*+]|\[\^/;
/** What is looked at to tell whether a value is one. Longer ones are taken once, not again for each name inside them. */
const LOOKED_AT = 250;
const LONGEST_SAID = 24;

export function* findAssignments(text: string): Generator<SecretRange> {
  const ends = createEnds(text);
  let coveredTo = 0;
  for (const match of text.matchAll(SECRET_WORD)) {
    const at = match.index + match[0].length;
    const isStrong = match.groups?.['strong'] !== undefined;
    const separator = matchAt(SEPARATOR, text, at) ?? (isStrong ? null : matchAt(PIN_SEPARATOR, text, at));
    if (separator === null) continue;
    const isLineStart = LINE_START.test(text.slice(Math.max(0, match.index - 120), match.index));
    const sign = separator.groups?.['sign'] ?? '';
    const value = readValue(ends, at + separator[0].length, { isStrong, isLineStart, sign, coveredTo });
    if (value === null) continue;
    if (value.end - value.start > LOOKED_AT) coveredTo = Math.max(coveredTo, value.end);
    yield { kind: isStrong ? kindOf(match[0]) : 'code', ...value };
  }
}

/** Has a digit, a sign or a capital inside: no word of a sentence. */
export function looksSecret(value: string): boolean {
  return value.length >= 4 && /\d|[^\p{L}\s.,;:!?'’-]|\p{Ll}\p{Lu}/u.test(value);
}

/**
 * Where what begins at a place ends. Many names may stand before the same end, so each end is kept until a place lies
 * behind it: then a line of a megabyte is gone over once, not once for each name in it.
 */
interface Ends {
  readonly text: string;
  ofToken(start: number): number;
  ofLine(start: number): number;
  /** Null if it is not closed in its line. */
  ofQuoted(start: number, closing: string): number | null;
  /** `end` without the blanks and signs in front of it. */
  trimmed(start: number, end: number): number;
  /** Of the plain words that stand behind `end`. */
  ofWords(end: number): number;
}

function createEnds(text: string): Ends {
  const quoted = new Map<string, (start: number) => number>();
  let trimmed = { start: 0, end: -1, at: 0 };
  let words = { from: -1, end: -1 };
  return {
    text,
    ofToken: keptEnd((start) => start + (matchAt(ONE_TOKEN, text, start)?.[0].length ?? 0)),
    ofLine: keptEnd((start) => start + (matchAt(REST_OF_LINE, text, start)?.[0].length ?? 0)),
    ofQuoted(start, closing) {
      const find = quoted.get(closing) ?? keptEnd((from) => endOfQuoted(text, from, closing));
      quoted.set(closing, find);
      const end = find(start);
      return text.startsWith(closing, end) ? end : null;
    },
    trimmed(start, end) {
      if (end !== trimmed.end || start < trimmed.start) trimmed = { start, end, at: withoutTrailing(text, start, end) };
      return Math.max(start, trimmed.at);
    },
    ofWords(from) {
      if (from !== words.from) words = { from, end: from + (matchAt(MORE_WORDS, text, from)?.[0].length ?? 0) };
      return words.end;
    },
  };
}

/** `find` must give the same end for every place between one and its end. */
function keptEnd(find: (start: number) => number): (start: number) => number {
  let from = 0;
  let end = -1;
  return (start) => {
    if (start < from || start > end) {
      from = start;
      end = find(start);
    }
    return end;
  };
}

interface Place {
  isStrong: boolean;
  isLineStart: boolean;
  sign: string;
  /** Up to here a long value is found already. */
  coveredTo: number;
}

function readValue(ends: Ends, from: number, place: Place): { start: number; end: number } | null {
  const { text } = ends;
  const opening = matchAt(OPENING, text, from)?.[0] ?? '';
  const start = from + opening.length;
  const quoted = opening === '' ? null : ends.ofQuoted(start, CLOSING[opening] ?? opening);
  const bare = quoted ?? endOfBare(ends, start, place);
  if (bare === null) return null;
  const end = quoted ?? ends.trimmed(start, bare);
  if (isCovered(start, end, place)) return null;
  return isSecretValue(text.slice(start, end), place) ? { start, end } : null;
}

/** By hand: a pattern that ends in them goes back over a long run of them again and again. */
function withoutTrailing(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && TRAILING.test(text.charAt(at - 1))) at -= 1;
  return at;
}

/** The closing sign or, without one, the end of the line. A place in front of it is never in the middle of an escape. */
function endOfQuoted(text: string, start: number, closing: string): number {
  let at = start;
  for (; at < text.length && !/[\r\n]/.test(text.charAt(at)); at += 1) {
    if (text.startsWith(closing, at)) return at;
    if (text.charAt(at) === '\\') at += 1;
  }
  return at;
}

function endOfBare(ends: Ends, start: number, place: Place): number | null {
  const { isStrong, isLineStart, sign } = place;
  const end = ends.ofToken(start);
  if (end === start) return null;
  const isWholeLine = isStrong && isLineStart && sign === ':';
  if (isWholeLine) {
    const lineEnd = ends.ofLine(start);
    return lineEnd === start ? end : lineEnd;
  }
  // A passphrase in a sentence: plain words up to its next sign.
  if (!isStrong || sign !== ':' || isCovered(start, end, place)) return end;
  const shown = ends.text.slice(start, Math.min(ends.trimmed(start, end), start + LOOKED_AT));
  return looksSecret(shown) ? end : ends.ofWords(end);
}

function isCovered(start: number, end: number, { coveredTo }: Place): boolean {
  return end - start > LOOKED_AT && end <= coveredTo;
}

function isSecretValue(whole: string, { isStrong, sign }: Place): boolean {
  const value = whole.slice(0, LOOKED_AT);
  if (value.length < 3 || CODE.test(value)) return false;
  const first =
    value
      .slice(0, LONGEST_SAID)
      .toLowerCase()
      .split(/[\s,.;]/, 1)[0] ?? '';
  const isSaid = NO_SECRET.has(first) || (/^\p{L}/u.test(sign) && SAID_OF_SECRETS.has(first));
  if (
    isSaid &&
    !value
      .toLowerCase()
      .split(/[\s,.;]+/)
      .some(looksSecret)
  )
    return false;
  if (isStrong) return true;
  return /^\d{3,12}[#*]?$/.test(value) || (!/\s/.test(value) && value.length >= 5 && looksSecret(value));
}

function kindOf(name: string): string {
  return /key|token|secret/i.test(name) ? 'key' : 'password';
}

function matchAt(sticky: RegExp, text: string, at: number): RegExpExecArray | null {
  sticky.lastIndex = at;
  return sticky.exec(text);
}
