// Secrets that stand behind their name: `password: …`, `API_KEY=…`, `"pwd": "…"`, `the PIN is 4711`.

import { NO_SECRET, SAID_OF_SECRETS, SECRET_WORD } from './secret-words-table.ts';
import type { SecretRange } from './text-view.ts';

/** Between the name and its value: a plural, a suffix, a bracket, "for the router", closing marks, and the sign itself. */
const SEPARATOR =
  /(?:e?s|n)?(?:[_-]\w{1,20}){0,2}(?:[ \t]*\([^()\r\n]{0,60}\))?(?:[ \t]+(?:for|of|to|on|at|in|from|für|zu|von|de|du|pour|del|para)[ \t][^\r\n:=|.;!?"']{1,60}?)?["'`*_\])]{0,4}[ \t]*(?<sign>:=|=>|={1,3}|:|(?<=[ \t])(?:is|was|lautet|ist|war|es|est)(?=[ \t]))[ \t]*(?:\r?\n[ \t]+(?:[-+*][ \t]+)?)?/iuy;
const PIN_SEPARATOR = /[ \t]+(?=\d{4,8}(?![\d.,:/-]))/y;
const LINE_START = /(?:^|[\r\n]|\\[nr])[ \t>]*(?:[-+*]|\d{1,3}[.)])?[ \t]*["'`*_[]*(?:[\p{L}\p{N}.-]+[ _-]){0,4}$/u;
const OPENING = /(?:\*\*|__|["'`“‘«])?/y;
const CLOSING: Readonly<Record<string, string>> = { '“': '”', '‘': '’', '«': '»' };
/** A repr'd newline ends a line as a real one does; a quote before a bracket or comma closes the string it is all in. */
const REST_OF_LINE = /(?:(?!\\[nrt]|<br|["'](?:[,}\])]|[ \t]*$))[^\r\n|])+/imy;
const ONE_TOKEN = /(?:(?!\\[nrt])[^\s|&"'`])+/y;
const MORE_WORDS = /(?:[ \t]+[\p{Ll}]+){1,23}(?=[ \t]*(?:[.,;()|\r\n\\"']|$))/uy;
const TRAILING = /[\s"'`*_})\],;.:]+$/;
/** A variable, a call or a pattern of code: it names a secret but is none. */
const CODE = /^(?:\$\{?[A-Z_]+\}?$|\{\{|<[\w -]+>$|%[sd]$|[A-Za-z_][\w.]*[([])|\\[SsWwDd]|\.[*+]|\[\^/;

export function* findAssignments(text: string): Generator<SecretRange> {
  for (const match of text.matchAll(SECRET_WORD)) {
    const at = match.index + match[0].length;
    const isStrong = match.groups?.['strong'] !== undefined;
    const separator = matchAt(SEPARATOR, text, at) ?? (isStrong ? null : matchAt(PIN_SEPARATOR, text, at));
    if (separator === null) continue;
    const isLineStart = LINE_START.test(text.slice(Math.max(0, match.index - 120), match.index));
    const sign = separator.groups?.['sign'] ?? '';
    const value = readValue(text, at + separator[0].length, { isStrong, isLineStart, sign });
    if (value !== null) yield { kind: isStrong ? kindOf(match[0]) : 'code', ...value };
  }
}

/** Has a digit, a sign or a capital inside: no word of a sentence. */
export function looksSecret(value: string): boolean {
  return value.length >= 4 && /\d|[^\p{L}\s.,;:!?'’-]|\p{Ll}\p{Lu}/u.test(value);
}

interface Place {
  isStrong: boolean;
  isLineStart: boolean;
  sign: string;
}

function readValue(text: string, from: number, place: Place): { start: number; end: number } | null {
  const opening = matchAt(OPENING, text, from)?.[0] ?? '';
  const start = from + opening.length;
  const quoted = opening === '' ? null : endOfQuoted(text, start, CLOSING[opening] ?? opening);
  const end = quoted ?? endOfBare(text, start, place);
  if (end === null) return null;
  const value = text.slice(start, end);
  const trimmed = quoted === null ? value.replace(TRAILING, '') : value;
  return isSecretValue(trimmed, place) ? { start, end: start + trimmed.length } : null;
}

function endOfQuoted(text: string, start: number, closing: string): number | null {
  for (let at = start; at < text.length && !/[\r\n]/.test(text.charAt(at)); at += 1) {
    if (text.startsWith(closing, at)) return at;
    if (text.charAt(at) === '\\') at += 1;
  }
  return null;
}

function endOfBare(text: string, start: number, { isStrong, isLineStart, sign }: Place): number | null {
  const token = matchAt(ONE_TOKEN, text, start)?.[0];
  if (token === undefined) return null;
  const isWholeLine = isStrong && isLineStart && sign === ':';
  if (isWholeLine) return start + (matchAt(REST_OF_LINE, text, start)?.[0].length ?? token.length);
  const end = start + token.length;
  // A passphrase in a sentence: plain words up to its next sign.
  if (!isStrong || sign !== ':' || looksSecret(token.replace(TRAILING, ''))) return end;
  return end + (matchAt(MORE_WORDS, text, end)?.[0].length ?? 0);
}

function isSecretValue(value: string, { isStrong, sign }: Place): boolean {
  if (value.length < 3 || CODE.test(value)) return false;
  const words = value.toLowerCase().split(/[\s,.;]+/);
  const [first = ''] = words;
  const isSaid = NO_SECRET.has(first) || (/^\p{L}/u.test(sign) && SAID_OF_SECRETS.has(first));
  if (isSaid && !words.some(looksSecret)) return false;
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
