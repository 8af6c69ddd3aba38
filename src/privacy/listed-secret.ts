// Secrets whose name is further away: in a column under "Password", in the cell beside it, or under a heading such as
// "Logins" or "Recovery codes".

import { NO_SECRET, PUBLIC_ITEM, SECRET_TITLE } from './secret-words-table.ts';
import type { SecretRange } from './text-view.ts';

interface Line {
  text: string;
  start: number;
}

// No two repeats of these that take the same characters stand beside each other: a line may be a megabyte of blanks.
const RULE_ROW = /^[ \t]*(?:\|[ \t]*)?:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*(?:\|[ \t]*)?$/;
const HEADING = /^[ \t]*(#{1,6})[ \t](.*)$/;
const INDENT = /^[ \t>]*/;
/** Without its indent; up to the first character of the value. */
const ITEM = /^(?:[-+*]|\d{1,3}[.)])?[ \t]*(?:(?<name>[^:|]{1,60}):[ \t]*)?["'`*]*(?=\S)/;
/** Line ends too; in front of one there is no value. */
const LINE_SEPARATOR = /[\u2028\u2029]/;
const MARK = /["'`*\s]/;

/** A recovery code alone in its line, or two beside each other. */
const CODE_ITEM = /^(?=\D*\d)[A-Za-z0-9-]{5,40}(?:[ \t]+[A-Za-z0-9-]{5,40})?$/;

export function* findListedSecrets(text: string): Generator<SecretRange> {
  const lines = linesOf(text);
  yield* inTables(lines);
  yield* underHeadings(lines);
}

function linesOf(text: string): Line[] {
  return [...text.matchAll(/[^\r\n]+/g)].map((match) => ({ text: match[0], start: match.index }));
}

function* inTables(lines: readonly Line[]): Generator<SecretRange> {
  let columns: ReadonlySet<number> | null = null;
  for (const [index, line] of lines.entries()) {
    if (!line.text.includes('|')) {
      columns = null;
      continue;
    }
    const next = lines[index + 1]?.text;
    const cells = cellsOf(line);
    if (next !== undefined && RULE_ROW.test(next) && next.includes('-')) {
      columns = new Set(cells.flatMap((cell, at) => (isTitle(cell.text) ? [at] : [])));
      continue;
    }
    if (RULE_ROW.test(line.text)) continue;
    for (const [at, cell] of cells.entries()) {
      const isNamedLeft = at > 0 && isTitle(cells[at - 1]?.text ?? '') && columns?.has(at - 1) !== true;
      if ((columns?.has(at) === true || isNamedLeft) && isValue(cell.text)) yield asSecret(cell);
    }
  }
}

function cellsOf(line: Line): Line[] {
  return [...line.text.matchAll(/[^|]+/g)]
    .map((match) => {
      const inner = match[0].replace(/^[\s"'`*]+/, '');
      return {
        text: withoutMarks(inner, 0),
        start: line.start + match.index + match[0].length - inner.length,
      };
    })
    .filter((cell, index) => index > 0 || cell.text !== '');
}

function* underHeadings(lines: readonly Line[]): Generator<SecretRange> {
  let secretDepth = 0;
  for (const line of lines) {
    const heading = HEADING.exec(line.text);
    if (heading !== null) {
      const depth = heading[1]?.length ?? 1;
      if (isTitle(heading[2] ?? '')) secretDepth = secretDepth === 0 ? depth : Math.min(secretDepth, depth);
      else if (depth <= secretDepth) secretDepth = 0;
      continue;
    }
    if (secretDepth === 0 || line.text.includes('|')) continue;
    const indent = INDENT.exec(line.text)?.[0].length ?? 0;
    const item = ITEM.exec(line.text.slice(indent));
    if (item === null) continue;
    const start = indent + item[0].length;
    const rest = line.text.slice(start);
    const value = withoutMarks(rest, 1);
    const name = item.groups?.['name'];
    if (LINE_SEPARATOR.test(rest) || (name !== undefined && PUBLIC_ITEM.test(name.trim()))) continue;
    // A sentence between the items is no item; a code alone on its line is one.
    const isItem = name === undefined ? CODE_ITEM.test(value) : isShort(name) && isValue(value);
    if (isItem) yield asSecret({ text: value, start: line.start + start });
  }
}

/** Without the marks and blanks at its end, by hand: a pattern that ends in them goes back over a long line again and again. */
function withoutMarks(text: string, least: number): string {
  let end = text.length;
  while (end > least && MARK.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

function isTitle(text: string): boolean {
  return isShort(text) && SECRET_TITLE.test(text);
}

/** A title or a name, not a sentence that mentions one. */
function isShort(text: string): boolean {
  return text.trim().split(/\s+/).length <= 5;
}

function isValue(text: string): boolean {
  const [first = ''] = text.toLowerCase().split(/[\s,.;]+/);
  return text.length >= 3 && !NO_SECRET.has(first) && !/^\[\[|^https?:/.test(text) && !isAddress(text);
}

/** One word with an `@` inside. */
function isAddress(text: string): boolean {
  return text.slice(1, -1).includes('@') && !/\s/.test(text);
}

function asSecret({ text, start }: Line): SecretRange {
  return { kind: 'password', start, end: start + text.length };
}
