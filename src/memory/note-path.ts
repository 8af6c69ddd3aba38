// Untrusted path text -> a safe path relative to the memory root ('' = the root). Pure: looks at no disk.
// Guarantees that the result has no component that is empty, `.`, `..`, hidden, or that could be read as another path.

import { AppError } from '../lib/app-error.ts';

export const MAX_NAME_BYTES = 255;
export const MAX_PATH_BYTES = 1024;

// Slashes, backslashes and dots of other scripts: a client or a later normalisation could take them for the real ones.
const LOOK_ALIKE = /[\u2044\u2215\u2216\u2571\u2572\u29F5\u29F8\u29F9\uFE68\uFF0F\uFF3C\uFF0E\u2024\u2025\uFE52]/u;
// Control characters, and invisible ones that reorder or hide a part of a name.
const UNPRINTABLE = /[\p{Cc}\u00AD\u200B\u200E\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/u;
// `%2e`, `%2F`, `%252f`, … : nobody's file name, but a traversal if anything decodes it.
const ENCODED = /%(?:25)*(?:2e|2f|5c|00)/i;

export function parseNotePath(path: string, rootDirectories: readonly string[] = []): string {
  if (typeof path !== 'string')
    throw new AppError('PATH_REFUSED', 'A path must be a string', { hint: 'Pass a path such as user.md' });
  if (Buffer.byteLength(path) > 4 * MAX_PATH_BYTES) throw refuse(path, `is longer than ${MAX_PATH_BYTES} bytes`);
  const relative = stripRoot(path, rootDirectories);
  const components: string[] = [];
  for (const raw of relative.split('/')) {
    if (raw === '' || raw === '.') continue;
    if (raw === '..') {
      if (components.pop() === undefined) throw refuse(path, 'leads out of the memory root');
      continue;
    }
    const flaw = nameFlaw(raw);
    if (flaw !== undefined) throw refuse(path, flaw);
    components.push(raw);
  }
  const parsed = components.join('/');
  if (Buffer.byteLength(parsed) > MAX_PATH_BYTES) throw refuse(path, `is longer than ${MAX_PATH_BYTES} bytes`);
  return parsed;
}

/** False for names that no path can reach (hidden or refused): listings leave them out. */
export function isVisibleName(name: string): boolean {
  return nameFlaw(name) === undefined;
}

/** A path fit for a message: short, and with nothing in it that could disturb a terminal or a log line. */
export function displayPath(path: string): string {
  const text = path.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\uFFFD');
  return text.length > 120 ? `${text.slice(0, 117)}...` : text;
}

function stripRoot(path: string, rootDirectories: readonly string[]): string {
  if (!path.startsWith('/')) return path;
  for (const root of rootDirectories) {
    if (path === root) return '';
    if (path.startsWith(`${root}/`)) return path.slice(root.length + 1);
  }
  throw refuse(path, 'is absolute and outside the memory root');
}

function nameFlaw(name: string): string | undefined {
  if (name.startsWith('.')) return 'names a hidden entry';
  if (name.startsWith('~')) return 'starts with a tilde';
  if (name.includes('\\')) return 'contains a backslash';
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `has a name over ${MAX_NAME_BYTES} bytes`;
  if (ENCODED.test(name)) return 'contains a percent-encoded separator';
  if (UNPRINTABLE.test(name)) return 'contains a control or invisible character';
  if (isAscii(name)) return undefined;
  if (!name.isWellFormed()) return 'is not valid Unicode';
  if (LOOK_ALIKE.test(name)) return 'contains a character that looks like a slash or a dot';
  const folded = name.normalize('NFKC');
  if (folded.startsWith('.') || /[/\\]/.test(folded))
    return 'contains a character that stands for a slash or a leading dot';
  return undefined;
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

function refuse(path: string, flaw: string): AppError {
  return new AppError('PATH_REFUSED', `The path '${displayPath(path)}' ${flaw}`, {
    hint: 'Use a path relative to the memory root, such as user.md or entities/ada.md',
  });
}
