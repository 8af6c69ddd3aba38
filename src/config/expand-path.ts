// Paths as people write them (`~`, `$HOME/notes`, relative) to absolute ones.
import { isAbsolute, join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** `~` and `~/x` become the home directory; what is relative is taken from `baseDir`. An empty path stays empty. */
export function expandPath(path: string, baseDir: string, home: string): string {
  if (path === '') return '';
  const expanded = path === '~' ? home : path.startsWith('~/') ? join(home, path.slice(2)) : path;
  return isAbsolute(expanded) ? resolve(expanded) : resolve(baseDir, expanded);
}

/** Replaces `$NAME` and `${NAME}`; a name that is not set stays as it is, as in the Python original. */
export function expandVariables(text: string, env: Environment): string {
  return text.replaceAll(
    /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g,
    (whole, braced: string | undefined, bare: string | undefined) => env[braced ?? bare ?? ''] ?? whole,
  );
}
