// Where notes may live: memory.dir and every entry of memory.roots on its own, apart from each other and from the daemon's files.
// Guarantee: directories are compared as the file system resolves them, links and the letter case of their names included.
import { realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import type { CrossProblem, Values } from './cross-checks.ts';
import { parseRootEntries } from './root-entry.ts';

/** What the daemon keeps in `state.dir` for itself; notes in there would be taken for its own, or the other way round. */
const STATE_PRIVATE = /^(core\.db|index\.db|lock|locks|run|trash|journal|revisions|backups|first-keys)([.-].*)?$/;

interface NamedDirectory {
  key: string;
  /** How a message calls it. */
  label: string;
  directory: string;
}

export function checkDirectories(values: Values): CrossProblem[] {
  const roots = rootsIn(values);
  return roots.flatMap((root, index) => [...checkOwn(root, values), ...checkApart(root, roots.slice(0, index))]);
}

function rootsIn(values: Values): NamedDirectory[] {
  const entries = values.get('memory.roots');
  const more = Array.isArray(entries) ? parseRootEntries(entries as readonly string[]) : [];
  return [
    { key: 'memory.dir', label: 'memory.dir', directory: realDirectory(values, 'memory.dir') },
    ...more.map(({ name, path }) => ({
      key: 'memory.roots',
      label: `the root ${name}`,
      directory: resolveReal(path),
    })),
  ];
}

function checkOwn({ key, label, directory }: NamedDirectory, values: Values): CrossProblem[] {
  const state = realDirectory(values, 'state.dir');
  const runtime = realDirectory(values, 'runtime.dir');
  const problem = (message: string): CrossProblem[] => [
    {
      key,
      message: key === 'memory.dir' ? message : `${label}: ${message}`,
      fix: `Set ${key === 'memory.dir' ? key : 'its path'} to a directory that holds notes only`,
    },
  ];
  if (directory === state) return problem('it is the same directory as state.dir');
  if (isInside(state, directory)) return problem(`state.dir (${state}) lies inside it`);
  if (isInside(runtime, directory)) return problem(`runtime.dir (${runtime}) is it, or lies inside it`);
  if (isInside(directory, runtime)) return problem(`it lies inside runtime.dir (${runtime}), which a reboot empties`);
  const first = relative(state, directory).split('/')[0] ?? '';
  if (isInside(directory, state) && STATE_PRIVATE.test(first))
    return problem(`the daemon keeps its own ${first} there`);
  return [];
}

/** Two writers of one note would each hold a lock of their own, and a key of one root would see the other's notes. */
function checkApart(root: NamedDirectory, others: readonly NamedDirectory[]): CrossProblem[] {
  return others.flatMap((other) => {
    const isSame = root.directory === other.directory;
    if (!meet(root.directory, other.directory)) return [];
    const message = `${root.label} (${root.directory}) and ${other.label} (${other.directory}) ${isSame ? 'are one directory' : 'lie inside one another'}`;
    return [{ key: 'memory.roots', message, fix: 'Give each memory root a directory of its own' }];
  });
}

/** Whether two directories are one, or lie inside one another. */
export function directoriesMeet(one: string, other: string): boolean {
  return meet(resolveReal(one), resolveReal(other));
}

function meet(one: string, other: string): boolean {
  return isInside(one, other) || isInside(other, one);
}

function realDirectory(values: Values, key: string): string {
  return resolveReal(String(values.get(key)));
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`);
}

/** Follows symbolic links as far as the path exists. */
function resolveReal(path: string): string {
  const parent = dirname(path);
  try {
    return realpathSync.native(path);
  } catch {
    // Not there yet, or not to be looked at: the part above it decides.
    return parent === path ? path : join(resolveReal(parent), basename(path));
  }
}
