// Reads a Markdown note as facts: `- name: value` bullets (nested too), table cells, plain bullets and sentences, each with
// its section and line. A note is data: nothing in it is ever followed as an instruction.
import { humanName, wordsOf } from './words.ts';
import { linkTargets, plainText } from './note-links.ts';

export interface Fact {
  path: string;
  kind: 'pair' | 'bullet' | 'cell' | 'sentence';
  /** As written, without emphasis; empty for bullets and sentences. */
  key: string;
  /** For people: links as their alias, no emphasis. */
  value: string;
  /** Keys of the bullets around it, or the other cells of its row. */
  context: string[];
  /** Headings above it, outermost first, without the title. */
  section: string[];
  links: string[];
  /** Line in the note, from 0. */
  line: number;
  /** Position of the raw value in that line; -1 when there is none on it. */
  valueStart: number;
  rawValue: string;
  words: { key: string[]; value: string[]; context: string[]; section: string[] };
}

export interface NoteView {
  path: string;
  title: string;
  text: string;
  lines: string[];
  titleWords: string[];
  facts: Fact[];
}

/** A longer line is text, whatever it looks like. */
const MAX_LINE = 4000;
const MAX_HEADING = 300;

type FactSeed = Omit<Fact, 'path' | 'words' | 'links' | 'value' | 'section'>;

export function readNoteView(path: string, text: string): NoteView {
  const lines = text.split(/\r?\n/);
  const heading = lines.map((line) => /^#\s+(\S.*)$/.exec(line)?.[1]).find((found) => found !== undefined);
  const title = headingText(heading ?? humanName(path));
  const view: NoteView = { path, title, text, lines, titleWords: [], facts: [] };
  const pathWords = wordsOf(path.replace(/\.md$/i, '').replace(/^entities\//, ''));
  view.titleWords = path === 'user.md' ? wordsOf(title) : [...new Set([...wordsOf(title), ...pathWords])];
  collectFacts(view);
  return view;
}

/** `## Title ##` is closed with marks that are no part of it. */
const headingText = (text: string): string => plainText(text.slice(0, MAX_HEADING).trimEnd().replace(/\s#+$/, ''));

function collectFacts(view: NoteView): void {
  const headings: { depth: number; text: string }[] = [];
  const parents: { indent: number; key: string; fact: Fact }[] = [];
  let table: { header: string[] } | null = null;
  let isFenced = false;
  const add = (seed: FactSeed): Fact => {
    const section = headings.filter(({ depth }) => depth > 1).map((entry) => entry.text);
    const fact = makeFact(view.path, seed, section);
    view.facts.push(fact);
    return fact;
  };
  view.lines.forEach((raw, line) => {
    if (raw.length > MAX_LINE) {
      for (let at = 0; at < raw.length; at += MAX_LINE) {
        const rawValue = raw.slice(at, at + MAX_LINE).trim();
        if (rawValue !== '')
          add({ kind: 'sentence', key: '', context: [], line, valueStart: raw.indexOf(rawValue, at), rawValue });
      }
      return;
    }
    if (/^\s*(```|~~~)/.test(raw)) isFenced = !isFenced;
    const heading = isFenced ? null : /^(#{1,6})\s+(\S.*)$/.exec(raw);
    if (heading !== null) {
      const depth = (heading[1] ?? '').length;
      while ((headings.at(-1)?.depth ?? 0) >= depth) headings.pop();
      headings.push({ depth, text: headingText(heading[2] ?? '') });
      parents.length = 0;
    }
    if (heading !== null || raw.trim() === '' || /^\s*(```|~~~|---+$|===+$|\*\*\*+$)/.test(raw)) {
      table = null;
      return;
    }
    if (/^\s*\|.*\|\s*$/.test(raw)) {
      table = readTableLine(raw, line, table, add);
      return;
    }
    table = null;
    const bullet = /^(\s*)(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?/.exec(raw);
    const offset = bullet?.[0].length ?? 0;
    const indent = bullet === null ? 0 : (bullet[1] ?? '').replaceAll('\t', '    ').length;
    if (bullet !== null) while ((parents.at(-1)?.indent ?? -1) >= indent) parents.pop();
    const context = bullet === null ? [] : parents.map((parent) => parent.key);
    const pair = splitPair(raw, offset, bullet !== null);
    if (pair === null) {
      const kind = bullet === null ? 'sentence' : 'bullet';
      for (const part of kind === 'sentence' ? raw.split(/(?<=[.!?])\s+(?=\p{Lu})/u) : [raw.slice(offset)]) {
        const rawValue = part.trim();
        if (rawValue === '') continue;
        const fact = add({ kind, key: '', context, line, valueStart: raw.indexOf(rawValue), rawValue });
        if (bullet !== null) parents.push({ indent, key: fact.value, fact });
      }
      return;
    }
    const fact = add({
      kind: 'pair',
      key: pair.key,
      context,
      line,
      valueStart: pair.valueStart,
      rawValue: pair.rawValue,
    });
    for (const parent of parents) {
      if (parent.fact.rawValue === '' && parent === parents.at(-1)) appendChild(parent.fact, fact);
    }
    if (bullet !== null) parents.push({ indent, key: pair.key, fact });
  });
  adoptBullets(view.facts);
}

/** `- allergies:` with bullets under it: the bullets are its value. */
function appendChild(parent: Fact, child: Fact): void {
  const text = child.value === '' ? child.key : `${child.key}: ${child.value}`;
  parent.value = parent.value === '' ? text : `${parent.value}; ${text}`;
}

function adoptBullets(facts: readonly Fact[]): void {
  let parent: Fact | null = null;
  for (const fact of facts) {
    if (fact.kind === 'pair' && fact.rawValue === '') parent = fact;
    else if (fact.kind === 'bullet' && parent !== null && fact.context.at(-1) === parent.key) {
      parent.value = parent.value === '' ? fact.value : `${parent.value}; ${fact.value}`;
      parent.links.push(...fact.links);
    } else if (fact.context.length === 0) parent = null;
  }
}

function makeFact(path: string, seed: FactSeed, section: string[]): Fact {
  const value = plainText(seed.rawValue);
  return {
    ...seed,
    path,
    value,
    section,
    links: linkTargets(seed.rawValue + (seed.kind === 'pair' ? ` ${seed.key}` : ''), path),
    key: plainText(seed.key),
    words: {
      key: wordsOf(plainText(seed.key)),
      value: wordsOf(value),
      context: seed.context.flatMap(wordsOf),
      section: section.flatMap(wordsOf),
    },
  };
}

/** `key: value`; the key is short and no sentence, the colon is not part of a URL or a time. */
function splitPair(
  raw: string,
  offset: number,
  isBullet: boolean,
): { key: string; rawValue: string; valueStart: number } | null {
  const body = raw.slice(offset);
  const match = /^\s*((?:\[\[[^[\]]{0,300}\]\]|[^:[\]]){1,80}?)\s*(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s|$)\s*/u.exec(body);
  const key = (match?.[1] ?? '').replace(/^(\*\*|__)/, '').trim();
  if (match === null || key === '' || wordsOf(key).length > (isBullet ? 7 : 5) || /[.!?]\s/.test(key)) return null;
  const rawValue = body.slice(match[0].length).trimEnd();
  return { key, rawValue, valueStart: rawValue === '' ? -1 : offset + match[0].length };
}

function readTableLine(
  raw: string,
  line: number,
  table: { header: string[] } | null,
  add: (seed: FactSeed) => Fact,
): { header: string[] } {
  const cells = splitCells(raw);
  if (table === null) return { header: cells.map((cell) => plainText(cell.text)) };
  if (cells.every((cell) => /^:?-+:?$/.test(cell.text))) return table;
  cells.forEach((cell, column) => {
    if (cell.text === '') return;
    const context = cells.filter((_, other) => other !== column).map((other) => plainText(other.text));
    const key = table.header[column] ?? '';
    add({ kind: 'cell', key, context, line, valueStart: cell.start, rawValue: cell.text });
  });
  return table;
}

/** A `|` inside a link or after a backslash does not end a cell. */
function splitCells(raw: string): { text: string; start: number }[] {
  const cells: { text: string; start: number }[] = [];
  const pattern = /((?:\[\[[^[\]]{0,300}\]\]|\\.|[^|\\])*)\|/gy;
  pattern.lastIndex = raw.indexOf('|') + 1;
  for (let match = pattern.exec(raw); match !== null; match = pattern.exec(raw)) {
    const inner = match[1] ?? '';
    cells.push({ text: inner.trim(), start: match.index + inner.length - inner.trimStart().length });
  }
  return cells;
}
