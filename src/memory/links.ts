// Finds the note that a link means: `[[note]]`, `[[note|alias]]`, `[[note#heading]]`, `../note`, a bare path or a title.

import { posix } from 'node:path';
import { AppError } from '../lib/app-error.ts';
import { compareByCodePoint } from './code-point-order.ts';
import { foldText } from './note-words.ts';

export interface LinkSource {
  /** True if a file is there; throws PATH_REFUSED for paths out of the root. */
  isFile(path: string): boolean;
  /** The path as it is stored (links and Unicode forms resolved). */
  storedPath(path: string): string;
  /** Notes whose file name or title equals this folded text. */
  named(key: string): Promise<string[]>;
}

export async function resolveLink(
  link: string,
  fromPath: string | undefined,
  source: LinkSource,
): Promise<string | null> {
  const target = linkTarget(link);
  // A link to a heading of the same note.
  if (target === '')
    return fromPath !== undefined && /#/.test(link) && exists(source, fromPath) ? source.storedPath(fromPath) : null;
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return null;
  for (const candidate of candidates(target, fromPath))
    if (exists(source, candidate)) return source.storedPath(candidate);
  return await byName(target, fromPath, source);
}

/** What stands before alias and heading, without brackets. */
function linkTarget(link: string): string {
  const text = link.trim();
  const wiki = /^!?\[\[([\s\S]*?)\]\]/.exec(text);
  const markdown = wiki === null ? /^!?\[[^\]]*\]\(<?([^)>]*)>?\)/.exec(text) : null;
  const inner = wiki?.[1] ?? markdown?.[1] ?? text;
  // In tables the bar before an alias is escaped.
  const target = (inner.split(/\\?\|/)[0] ?? '').replace(/#.*$/s, '').trim();
  return markdown === null ? target : decodePercent(target);
}

function candidates(target: string, fromPath: string | undefined): string[] {
  const bases: string[] = [];
  if (fromPath !== undefined) {
    const relative = posix.join(posix.dirname(fromPath), target);
    // Links are relative to the root as a rule; `./` and `../` mean the note's own directory.
    if (target.startsWith('.')) bases.push(relative, target);
    else bases.push(target, relative);
  } else {
    bases.push(target);
  }
  // `../note` without a known origin: the model sees links out of their note.
  const climbing = target.replace(/^(?:\.\.?\/)+/, '');
  if (climbing !== target) bases.push(climbing);
  return bases.flatMap((base) => (/\.md$/i.test(base) ? [base] : [`${base}.md`, base]));
}

function exists(source: LinkSource, path: string): boolean {
  try {
    return source.isFile(path);
  } catch (error) {
    if (error instanceof AppError && error.code === 'PATH_REFUSED') return false;
    throw error;
  }
}

/** Case, accents and folders may differ: the best match by name or title, the nearest and shortest first. */
async function byName(target: string, fromPath: string | undefined, source: LinkSource): Promise<string | null> {
  const wanted = foldText(target.replace(/^(?:\.\.?\/)+/, '').replace(/\.md$/i, ''));
  const name = wanted.slice(wanted.lastIndexOf('/') + 1);
  if (name === '') return null;
  const found = new Set([...(await source.named(name)), ...(name === wanted ? [] : await source.named(wanted))]);
  const folder = fromPath === undefined ? undefined : posix.dirname(fromPath);
  const rank = (path: string): number => {
    const folded = foldText(path.replace(/\.md$/i, ''));
    if (folded === wanted) return 0;
    if (folded.endsWith(`/${wanted}`)) return folder !== undefined && posix.dirname(path) === folder ? 1 : 2;
    return 3;
  };
  // A link that names folders must not end in a namesake elsewhere, unless that is the only one.
  const ordered = [...found].sort((a, b) => rank(a) - rank(b) || a.length - b.length || compareByCodePoint(a, b));
  const [best, second] = ordered;
  if (best === undefined) return null;
  const isVague = wanted.includes('/') && rank(best) === 3 && second !== undefined;
  return isVague ? null : best;
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}
