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
/** What more a note, a row or a context holds is not read as facts: each fact is weighed against each word of a question. */
const MAX_FACTS = 20_000;
const MAX_CELLS = 64;
const MAX_CONTEXT_WORDS = 200;

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
  let section: Words = { texts: [], words: [] };
  const parents: { indent: number; key: string; fact: Fact }[] = [];
  let table: { header: string[] } | null = null;
  let isFenced = false;
  let around: Words = { texts: [], words: [] };
  /** Bullets beside one another share the words of their parents. */
  const wordsAround = (context: string[]): string[] => {
    if (context.length !== around.texts.length || context.some((text, at) => text !== around.texts[at]))
      around = readWords(context);
    return around.words;
  };
  const add = (seed: FactSeed, contextWords = wordsAround(seed.context)): Fact => {
    const fact = makeFact(view.path, seed, section, contextWords);
    view.facts.push(fact);
    return fact;
  };
  for (const [line, raw] of view.lines.entries()) {
    if (view.facts.length >= MAX_FACTS) break;
    if (raw === '') {
      table = null;
      continue;
    }
    if (raw.length > MAX_LINE) {
      for (let at = 0; at < raw.length; at += MAX_LINE) {
        const rawValue = raw.slice(at, at + MAX_LINE).trim();
        if (rawValue !== '')
          add({ kind: 'sentence', key: '', context: [], line, valueStart: raw.indexOf(rawValue, at), rawValue });
      }
      continue;
    }
    if (/^\s*(```|~~~)/.test(raw)) isFenced = !isFenced;
    const heading = isFenced ? null : /^(#{1,6})\s+(\S.*)$/.exec(raw);
    if (heading !== null) {
      const depth = (heading[1] ?? '').length;
      while ((headings.at(-1)?.depth ?? 0) >= depth) headings.pop();
      headings.push({ depth, text: headingText(heading[2] ?? '') });
      section = readWords(headings.filter((entry) => entry.depth > 1).map((entry) => entry.text));
      parents.length = 0;
    }
    if (heading !== null || raw.trim() === '' || /^\s*(```|~~~|---+$|===+$|\*\*\*+$)/.test(raw)) {
      table = null;
      continue;
    }
    if (isTableLine(raw.trim())) {
      table = readTableLine(raw, line, table, add);
      continue;
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
      let from = 0;
      for (const part of kind === 'sentence' ? raw.split(/(?<=[.!?])\s+(?=\p{Lu})/u) : [raw.slice(offset)]) {
        const rawValue = part.trim();
        if (rawValue === '') continue;
        const valueStart = raw.indexOf(rawValue, from);
        from = valueStart + rawValue.length;
        const fact = add({ kind, key: '', context, line, valueStart, rawValue });
        if (bullet !== null) parents.push({ indent, key: fact.value, fact });
      }
      continue;
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
  }
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

interface Words {
  texts: string[];
  words: string[];
}

const readWords = (texts: string[]): Words => ({ texts, words: firstWords(texts) });

/** Of one text no more than this many characters are looked at: a word has some, and each child has its parents' words. */
const MAX_CONTEXT_CHARACTERS = 2000;

function firstWords(texts: readonly string[]): string[] {
  const words: string[] = [];
  for (const text of texts) {
    if (words.length >= MAX_CONTEXT_WORDS) break;
    words.push(...wordsOf(text.slice(0, MAX_CONTEXT_CHARACTERS)));
  }
  return words.slice(0, MAX_CONTEXT_WORDS);
}

function makeFact(path: string, seed: FactSeed, section: Words, contextWords: string[]): Fact {
  const value = plainText(seed.rawValue);
  const key = plainText(seed.key);
  return {
    ...seed,
    path,
    value,
    section: section.texts,
    links: linkTargets(seed.rawValue + (seed.kind === 'pair' ? ` ${seed.key}` : ''), path),
    key,
    words: { key: wordsOf(key), value: wordsOf(value), context: contextWords, section: section.words },
  };
}

/** `key: value`; the key is short and no sentence, the colon is not part of a URL or a time. */
function splitPair(
  raw: string,
  offset: number,
  isBullet: boolean,
): { key: string; rawValue: string; valueStart: number } | null {
  const start = offset + raw.slice(offset).search(/\S/);
  const found = start < offset ? null : findColon(raw, start);
  const key = (found === null ? '' : raw.slice(start, found.keyEnd)).replace(/^(\*\*|__)/, '').trim();
  if (found === null || key === '' || wordsOf(key).length > (isBullet ? 7 : 5) || /[.!?]\s/.test(key)) return null;
  const rawValue = raw.slice(found.end).trimEnd();
  return { key, rawValue, valueStart: rawValue === '' ? -1 : found.end };
}

const KEY_PART = /\[\[[^[\]]{0,300}\]\]|[^:[\]]/uy;
const COLON = /(?:\*\*|__)?[:：](?:\*\*|__)?(?=\s|$)\s*/y;
const SPACES = /\s*/y;
const MAX_KEY_PARTS = 80;

/** The first colon that ends a key; by hand, as a pattern would go over a run of spaces once for each place it starts at. */
function findColon(raw: string, start: number): { keyEnd: number; end: number } | null {
  let at = start;
  let spacesEnd = start;
  for (let parts = 0; parts < MAX_KEY_PARTS; parts++) {
    KEY_PART.lastIndex = at;
    if (!KEY_PART.test(raw)) return null;
    at = KEY_PART.lastIndex;
    // Inside a run of spaces that has been looked behind already.
    if (at < spacesEnd) continue;
    SPACES.lastIndex = at;
    SPACES.test(raw);
    spacesEnd = COLON.lastIndex = SPACES.lastIndex;
    if (COLON.test(raw)) return { keyEnd: at, end: COLON.lastIndex };
  }
  return null;
}

const isTableLine = (line: string): boolean => line.length > 1 && line.startsWith('|') && line.endsWith('|');

function readTableLine(
  raw: string,
  line: number,
  table: { header: string[] } | null,
  add: (seed: FactSeed, contextWords?: string[]) => Fact,
): { header: string[] } {
  const cells = splitCells(raw);
  if (table === null) return { header: cells.map((cell) => plainText(cell.text)) };
  if (cells.every((cell) => /^:?-+:?$/.test(cell.text))) return table;
  const read = cells.map((cell) => readWords([plainText(cell.text)]));
  cells.forEach((cell, column) => {
    if (cell.text === '') return;
    const others = read.filter((_, other) => other !== column);
    const context = others.flatMap(({ texts }) => texts);
    const key = table.header[column] ?? '';
    const words = others.flatMap((other) => other.words).slice(0, MAX_CONTEXT_WORDS);
    add({ kind: 'cell', key, context, line, valueStart: cell.start, rawValue: cell.text }, words);
  });
  return table;
}

const WIKI_LINK = /\[\[[^[\]]{0,300}\]\]/y;

/** A `|` inside a link or after a backslash does not end a cell. */
function splitCells(raw: string): { text: string; start: number }[] {
  const cells: { text: string; start: number }[] = [];
  let start = raw.indexOf('|') + 1;
  for (let at = start; at < raw.length && cells.length < MAX_CELLS; at++) {
    if (raw[at] === '\\') at++;
    else if (raw[at] === '|') {
      const inner = raw.slice(start, at);
      cells.push({ text: inner.trim(), start: start + inner.length - inner.trimStart().length });
      start = at + 1;
    } else if (raw.startsWith('[[', at)) {
      WIKI_LINK.lastIndex = at;
      if (WIKI_LINK.test(raw)) at = WIKI_LINK.lastIndex - 1;
    }
  }
  return cells;
}
