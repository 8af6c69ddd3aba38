// Tells which files changed. One watch a directory on Linux (Node's recursive mode there takes one a file); the native
// recursive watch elsewhere. Best effort by design: the indexer's sweep finds whatever a watch misses.

import { watch, type FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { isVisibleName } from './note-path.ts';

const MAX_WATCHED_DIRECTORIES = 2048;

export interface DirectoryWatcherOptions {
  directory: string;
  /** Path relative to the root; null = something changed, unknown what. */
  onChange: (path: string | null) => void;
  onProblem: (reason: string) => void;
}

export interface DirectoryWatcher extends Disposable {
  /** All directories there are now, relative to the root. */
  follow(directories: readonly string[]): void;
}

export function watchDirectories(options: DirectoryWatcherOptions): DirectoryWatcher {
  const watchers = new Map<string, FSWatcher>();
  const isRecursive = process.platform === 'darwin' || process.platform === 'win32';
  let hasProblem = false;

  const stop = (relative: string): void => {
    watchers.get(relative)?.close();
    watchers.delete(relative);
  };
  const problem = (relative: string, error: unknown): void => {
    stop(relative);
    if (hasProblem) return;
    hasProblem = true;
    options.onProblem(
      `Some outside edits are found by the periodic sweep only (${error instanceof Error ? error.message : String(error)})`,
    );
  };
  const add = (relative: string): void => {
    if (watchers.has(relative)) return;
    try {
      const watcher = watch(join(options.directory, relative), { recursive: isRecursive, persistent: false });
      watchers.set(relative, watcher);
      watcher.on('error', (error) => problem(relative, error));
      watcher.on('change', (_event, name) => {
        if (typeof name !== 'string') return options.onChange(null);
        const path = relative === '' ? name : `${relative}/${name}`;
        if (name.split('/').every(isVisibleName)) options.onChange(path);
      });
    } catch (error) {
      problem(relative, error);
    }
  };

  add('');
  return {
    follow(directories) {
      if (isRecursive) return;
      const wanted = new Set(directories);
      for (const relative of watchers.keys()) if (!wanted.has(relative)) stop(relative);
      for (const relative of directories) {
        if (watchers.size >= MAX_WATCHED_DIRECTORIES) {
          problem(relative, new Error(`more than ${MAX_WATCHED_DIRECTORIES} directories`));
          return;
        }
        add(relative);
      }
    },
    [Symbol.dispose]() {
      for (const relative of watchers.keys()) stop(relative);
    },
  };
}
