// Links in a note, as paths to try, and its Markdown as plain text. Never leaves the root: `..` above it is dropped.
import { posix } from 'node:path';

// Bounded, so that a note full of brackets costs no more than any other.
const WIKI = /\[\[([^[\]|#]{1,300})(?:#([^[\]|]{0,300}))?(?:\\?\|([^[\]]{0,300}))?\]\]/g;
const MARKDOWN = /\[([^[\]]{0,300})\]\(([^)\s]{1,300}?\.md)(?:#[^)]{0,300})?\)/g;

/** The targets as written, with `.md`, made relative to the root where they start with `./` or `../`. */
export function linkTargets(text: string, fromPath: string): string[] {
  const targets: string[] = [];
  for (const [, target] of text.matchAll(WIKI)) targets.push(normalTarget(target ?? '', fromPath));
  for (const [, , target] of text.matchAll(MARKDOWN)) {
    const inFolder = posix.join(posix.dirname(fromPath), decodeTarget(target ?? ''));
    if (!inFolder.startsWith('..') && !/^[a-z]+:/i.test(target ?? '')) targets.push(inFolder);
  }
  return [...new Set(targets.filter((target) => target !== ''))];
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
  return markdown
    .replace(WIKI, (_, target: string, _heading: string | undefined, alias: string | undefined) =>
      alias === undefined || alias === '' ? linkName(target) : alias,
    )
    .replace(/\[([^[\]]{0,300})\]\([^)]{0,500}\)/g, '$1')
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
