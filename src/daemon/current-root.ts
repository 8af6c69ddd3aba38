// The memory root in use, behind one holder, so that `memory.dir` can change while the daemon runs.
// Guarantees: a directory that cannot be used changes nothing; a leased root stays open until it is given back, whatever is
// current by then; no directory is ever open twice, so that its write lock is the only one.
import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { MemoryRoot } from '../memory/memory-root.ts';

export interface RootLease extends Disposable {
  readonly root: MemoryRoot;
}

export interface CurrentRoot extends AsyncDisposable {
  /** Good for one call that begins at once; whatever takes longer needs a lease. */
  readonly root: MemoryRoot;
  lease(): RootLease;
  /** Throws MEMORY_UNAVAILABLE, and then nothing has changed. True if there are other notes now. */
  moveTo(directory: string): Promise<boolean>;
}

interface OpenRoot {
  root: MemoryRoot;
  realDirectory: string;
  leases: number;
  closed: Promise<void> | undefined;
}

/** `open` gets a directory, and whether another root of this holder is open beside it. */
export function openCurrentRoot(
  directory: string,
  open: (directory: string, isMove: boolean) => MemoryRoot,
): CurrentRoot {
  const opened = new Set<OpenRoot>();
  let current = add(directory, false);
  let isClosed = false;

  function add(path: string, isMove: boolean): OpenRoot {
    const root = open(path, isMove);
    const entry = { root, realDirectory: realDirectory(path), leases: 0, closed: undefined };
    opened.add(entry);
    return entry;
  }

  function close(entry: OpenRoot): Promise<void> {
    return (entry.closed ??= finish(entry));
  }

  async function finish(entry: OpenRoot): Promise<void> {
    await entry.root[Symbol.asyncDispose]();
    opened.delete(entry);
  }

  async function closeIfUnused(entry: OpenRoot): Promise<void> {
    if (entry !== current && entry.leases === 0) await close(entry);
  }

  return {
    get root() {
      return current.root;
    },
    lease() {
      const entry = current;
      let isHeld = true;
      entry.leases += 1;
      return {
        root: entry.root,
        [Symbol.dispose]() {
          if (!isHeld) return;
          isHeld = false;
          entry.leases -= 1;
          void closeIfUnused(entry);
        },
      };
    },
    async moveTo(path) {
      const wanted = realDirectory(path);
      if (current.realDirectory === wanted) return false;
      const before = current;
      const known = [...opened].find((entry) => entry.realDirectory === wanted);
      // It may be closing: its last writes come first.
      await known?.closed;
      if (isClosed)
        throw new AppError('DRAINING', 'mem-agent is shutting down', { hint: 'Change it after the restart' });
      if (known !== undefined && known.closed === undefined) {
        current = known;
      } else {
        current = add(path, true);
        current.root.start();
      }
      void closeIfUnused(before);
      return true;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      await Promise.all([...opened].map(close));
    },
  };
}

function realDirectory(path: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    // Not there yet: who opens it makes it, or says why not.
    if (systemErrorCode(error) !== undefined) return resolve(path);
    throw error;
  }
}
