// Links in a note, as paths to try, and its Markdown as plain text. Never leaves the root: `..` above it is dropped.
import { posix } from 'node:path';

// Bounded, so that a note full of brackets costs no more than any other.
const WIKI = /\[\[([^[\]|#]{1,300})(?:#([^[\]|]{0,300}))?(?:\\?\|([^[\]]{0,300}))?\]\]/g;
const MARKDOWN_START = /\[([^[\]]{0,300})\]\(/g;
const MAX_TARGET = 300;
const MAX_INSIDE = 700;

/** The targets as written, with `.md`, made relative to the root where they start with `./` or `../`. */
export function linkTargets(text: string, fromPath: string): string[] {
  const targets: string[] = [];
  for (const [, target] of text.matchAll(WIKI)) targets.push(normalTarget(target ?? '', fromPath));
  for (const { inside } of markdownLinks(text, (held) => markdownTarget(held) !== null)) {
    const target = markdownTarget(inside) ?? '';
    const inFolder = posix.join(posix.dirname(fromPath), decodeTarget(target));
    if (!inFolder.startsWith('..') && !/^[a-z]+:/i.test(target)) targets.push(inFolder);
  }
  return [...new Set(targets.filter((target) => target !== ''))];
}

interface MarkdownLink {
  start: number;
  end: number;
  label: string;
  inside: string;
}

/** `[label](inside)`. The closing parenthesis is looked for once, not again from each bracket before it. */
function* markdownLinks(text: string, fits = (_inside: string): boolean => true): Generator<MarkdownLink, void, void> {
  let close = -1;
  let after = 0;
  for (const match of text.matchAll(MARKDOWN_START)) {
    const open = match.index + match[0].length;
    if (match.index < after) continue;
    if (close < open) close = text.indexOf(')', open);
    if (close < 0) return;
    if (close - open > MAX_INSIDE) continue;
    const inside = text.slice(open, close);
    if (!fits(inside)) continue;
    after = close + 1;
    yield { start: match.index, end: after, label: match[1] ?? '', inside };
  }
}

/** `x.md` of `x.md#heading`; null for what leads to no note. */
function markdownTarget(inside: string): string | null {
  for (let at = inside.indexOf('.md', 1); at >= 0 && at <= MAX_TARGET; at = inside.indexOf('.md', at + 1)) {
    const end = at + '.md'.length;
    if (end < inside.length && inside[end] !== '#') continue;
    const target = inside.slice(0, end);
    return /\s/.test(target) ? null : target;
  }
  return null;
}

function withoutMarkdownLinks(text: string): string {
  if (!text.includes('](')) return text;
  let plain = '';
  let from = 0;
  for (const { start, end, label } of markdownLinks(text)) {
    plain += text.slice(from, start) + label;
    from = end;
  }
  return plain + text.slice(from);
}

function decodeTarget(target: string): string {
  return /%(?![0-9a-f]{2})/i.test(target) ? target : target.replaceAll('%20', ' ');
}

function normalTarget(target: string, fromPath: string): string {
  const trimmed = target.trim().replace(/\\$/, '');
  const withEnding = /\.md$/i.test(trimmed) ? trimmed : `${trimmed}.md`;
  if (!/^\.\.?\//.test(withEnding)) return withEnding.replace(/^\/+/, '');
  const joined = posix.join(posix.dirname(fromPath), withEnding);
  return joined.startsWith('..') ? '' : joined;
}

/** Where a link may lead: as written, beside the note, among the entities. */
export function pathsToTry(target: string, fromPath: string): string[] {
  const beside = posix.join(posix.dirname(fromPath), target);
  const paths = [target, beside.startsWith('..') ? target : beside];
  if (!target.includes('/')) paths.push(`entities/${target}`);
  return [...new Set(paths)];
}

export function plainText(markdown: string): string {
  const named = markdown.replace(WIKI, (_, target: string, _heading: string | undefined, alias: string | undefined) =>
    alias === undefined || alias === '' ? linkName(target) : alias,
  );
  return withoutMarkdownLinks(named)
    .replace(/(\*\*|__|`)/g, '')
    .replace(/(^|\s)\*(\S[^*]{0,300})\*/g, '$1$2')
    .replace(/\\\|/g, '|')
    .trim();
}

function linkName(target: string): string {
  const base = (target.split('/').at(-1) ?? target).replace(/\.md$/i, '');
  return base
    .split(/[_-]+/)
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .join(' ')
    .trim();
}
