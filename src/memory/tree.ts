// The picture of the root that `list_files()` prints; the model was trained on exactly this format.

import { AppError } from '../lib/app-error.ts';
import type { DirectoryEntry } from './memory-root.ts';

export interface TreeSource {
  listDirectory(path: string): DirectoryEntry[];
}

export function renderTree(source: TreeSource, realPathOf: (path: string) => string): string {
  const lines = ['./'];
  const listed = listOrDenied(source, '');
  if (listed === null) lines.push('[Permission Denied]');
  else addEntries(lines, '', '', listed, new Set(['']), source, realPathOf);
  return lines.join('\n');
}

function addEntries(
  lines: string[],
  parent: string,
  prefix: string,
  entries: readonly DirectoryEntry[],
  ancestors: ReadonlySet<string>,
  source: TreeSource,
  realPathOf: (path: string) => string,
): void {
  for (const [position, entry] of entries.entries()) {
    const isLast = position === entries.length - 1;
    const label = `${prefix}${isLast ? '└── ' : '├── '}${entry.name}`;
    if (entry.kind === 'file') {
      lines.push(label);
      continue;
    }
    const path = parent === '' ? entry.name : `${parent}/${entry.name}`;
    const real = realPathOf(path);
    const children = listOrDenied(source, path);
    if (children === null) {
      lines.push(`${label}/ [Permission Denied]`);
    } else if (children.length === 0) {
      lines.push(`${label}/ (empty)`);
    } else {
      lines.push(`${label}/`);
      // A link to one of its own ancestors would never end.
      if (ancestors.has(real)) continue;
      const below = prefix + (isLast ? '    ' : '│   ');
      addEntries(lines, path, below, children, new Set([...ancestors, real]), source, realPathOf);
    }
  }
}

function listOrDenied(source: TreeSource, path: string): DirectoryEntry[] | null {
  try {
    return source.listDirectory(path).filter((entry) => entry.name !== '__pycache__');
  } catch (error) {
    if (error instanceof AppError && error.code === 'PERMISSION_DENIED') return null;
    // Removed between the listing and the look inside.
    if (error instanceof AppError && error.code === 'NOT_FOUND') return [];
    throw error;
  }
}
