// The only door to the files of a memory root, or of the part of it that one caller may see. An entry is pinned by a descriptor first, its REAL path is checked after
// that, and only the pinned inode is read or changed: no swap of a file or directory for a symlink can win a race.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  statSync,
  type Stats,
} from 'node:fs';
import { join, posix } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { toFileError } from './file-error.ts';
import { IGNORE_FILE, type IgnoreFile } from './ignore-file.ts';
import { displayPath, isVisibleName, parseNotePath } from './note-path.ts';
import type { PathScope } from './path-scope.ts';

// O_PATH (Linux, every architecture Node runs on; Node exports no constant): pins an inode without opening it, so that
// looking at a device, a FIFO or a file outside has no side effect at all.
const O_PATH = 0o10000000;
const DELETED = ' (deleted)';

/** An entry held by descriptor. `relative` is its real path below the root; `reach` opens exactly this inode. */
export interface Pinned extends Disposable {
  relative: string;
  stats: Stats;
  reach: string;
  /** A folder outside the caller's paths with some of them below it. */
  isPassage: boolean;
}

export class PathJail {
  readonly directory: string;
  readonly #given: string;
  readonly #hasProc = process.platform === 'linux' && existsSync('/proc/self/fd');

  readonly #ignore: IgnoreFile;
  readonly #scope: PathScope | null;

  /** With a scope, whatever it does not let be read is not there. */
  constructor(directory: string, ignore: IgnoreFile, scope: PathScope | null = null) {
    this.#given = directory;
    this.directory = realpathSync(directory);
    this.#ignore = ignore;
    this.#scope = scope;
  }

  withScope(scope: PathScope): PathJail {
    return new PathJail(this.#given, this.#ignore, scope);
  }

  parse(path: string): string {
    const parsed = parseNotePath(path, [this.directory, this.#given]);
    this.#ignore.refresh();
    if (this.#ignore.matches(parsed)) throw ignored(path);
    return parsed;
  }

  /** Whether a walk or a listing shows what is stored at this path. */
  shows(relative: string, isDirectory: boolean): boolean {
    return !this.#ignore.matches(relative) && this.#sees(relative, isDirectory);
  }

  /** Before a walk, so that it goes by what `.mem-agent-ignore` says now. */
  refresh(): void {
    this.#ignore.refresh();
  }

  /** Where a change at `relative` ends up: links followed as far as there is something. */
  resolve(relative: string): string {
    {
      using pinned = this.pin(relative);
      if (pinned !== null || relative === '') return pinned?.relative ?? '';
    }
    return posix.join(this.resolve(parentOf(relative)), posix.basename(relative));
  }

  /** Pins what `relative` (already parsed) leads to, symlinks followed; null if nothing is there. */
  pin(relative: string): Pinned | null {
    try {
      return this.#pin(relative);
    } catch (error) {
      // What is wrong with a path outside the scope would tell that something is there.
      if (this.#scope?.mayRead(relative) === false) return null;
      throw error;
    }
  }

  #pin(relative: string): Pinned | null {
    const found = this.#open(relative);
    if (found !== null || isPlain(relative)) return found;
    // A name made on another system may be stored composed or decomposed: same name to a person, other bytes to the disk.
    return this.#open(relative.normalize('NFC')) ?? this.#open(relative.normalize('NFD'));
  }

  /** Like `pin`, but NOT_FOUND if nothing is there. */
  pinExisting(relative: string): Pinned {
    const pinned = this.pin(relative);
    if (pinned !== null) return pinned;
    throw toFileError(Object.assign(new Error('no such entry'), { code: 'ENOENT' }), relative);
  }

  /** True if `relative` itself (not what it points to) is a symbolic link. */
  isLink(relative: string): boolean {
    return lstatSync(join(this.directory, relative), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  }

  #open(relative: string): Pinned | null {
    const absolute = relative === '' ? this.directory : join(this.directory, relative);
    let descriptor: number;
    let real: string;
    try {
      if (this.#hasProc) {
        descriptor = openSync(absolute, O_PATH);
      } else {
        // Elsewhere: the real path is opened without following its last link, and compared again below.
        const path = realpathSync(absolute);
        if (this.#below(path) === null) throw outside(relative);
        descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
      }
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === 'ENOTDIR') return null;
      if (code === 'ENOENT') return this.#refuseDangling(absolute, relative);
      throw toFileError(error, relative);
    }
    try {
      const stats = fstatSync(descriptor);
      real = this.#hasProc ? readlinkSync(`/proc/self/fd/${descriptor}`) : sameInode(absolute, stats);
      // A file that was just replaced reads as 'path (deleted)'; a live file may really be called so.
      const gone = stats.nlink === 0 && real.endsWith(DELETED);
      const below = this.#below(gone ? real.slice(0, -DELETED.length) : real);
      if (below === null) throw outside(relative);
      if (!this.#sees(below, stats.isDirectory())) {
        closeSync(descriptor);
        return null;
      }
      if (this.#ignore.matches(below)) throw ignored(relative);
      const reach = this.#hasProc ? `/proc/self/fd/${descriptor}` : real;
      const isPassage = this.#scope?.mayRead(below) === false;
      return { relative: below, stats, reach, isPassage, [Symbol.dispose]: () => closeSync(descriptor) };
    } catch (error) {
      closeSync(descriptor);
      throw toFileError(error, relative);
    }
  }

  #sees(below: string, isDirectory: boolean): boolean {
    return this.#scope === null || this.#scope.mayRead(below) || (isDirectory && this.#scope.isPassage(below));
  }

  /** A link to nowhere is refused: a write through it would make a file wherever it points. */
  #refuseDangling(absolute: string, relative: string): null {
    const isLink = lstatSync(absolute, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    if (isLink) throw outside(relative);
    return null;
  }

  /** The real path relative to the root, or null when it is outside or hidden. */
  #below(path: string): string | null {
    if (path === this.directory) return '';
    if (!path.startsWith(`${this.directory}/`)) return null;
    const below = path.slice(this.directory.length + 1);
    return below.split('/').every(isVisibleName) ? below : null;
  }
}

function sameInode(absolute: string, pinned: Stats): string {
  const real = realpathSync(absolute);
  const now = statSync(real);
  if (now.ino !== pinned.ino || now.dev !== pinned.dev) throw outside(absolute);
  return real;
}

function isPlain(path: string): boolean {
  return /^[\x20-\x7e]*$/.test(path);
}

function parentOf(relative: string): string {
  const parent = posix.dirname(relative);
  return parent === '.' ? '' : parent;
}

function ignored(path: string): AppError {
  return new AppError('PATH_REFUSED', `'${displayPath(path)}' is left out of this memory by ${IGNORE_FILE}`, {
    hint: 'Choose another path, or ask whoever keeps the notes to change that file',
  });
}

function outside(relative: string): AppError {
  return new AppError('PATH_REFUSED', `'${displayPath(relative)}' leads out of the memory root`, {
    hint: 'Use a path inside the memory root; links must point inside it, too',
  });
}
