// The memory roots of the daemon: `default` at memory.dir, which may move, and those of memory.roots. Each has its own lock, limits and
// index. Guarantee: a caller gets the root of its key as its policy lets it see it, or an error that says there is none.
import type { Principal } from '../auth/principal.ts';
import type { Config } from '../config/config.ts';
import { directoriesMeet } from '../config/directory-checks.ts';
import { parseRootEntries } from '../config/root-entry.ts';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { IndexHandle } from '../memory/index-database.ts';
import type { MemoryEvent } from '../memory/memory-event.ts';
import type { MemoryRoot } from '../memory/memory-root.ts';
import { openMemoryRoot, type MemoryRootOptions } from '../memory/open-memory-root.ts';
import { openCurrentRoot, type RootLease } from './current-root.ts';

export interface RootsOptions {
  config: Config;
  indexDatabase: IndexHandle;
  clock: Clock;
  onEvent(root: string, event: MemoryEvent): void;
}

export interface Roots extends AsyncDisposable {
  /** In the order of the configuration, `default` first. */
  readonly names: readonly string[];
  /** Those that the operator wants so. */
  readonly readOnlyNames: ReadonlySet<string>;
  /** All of them, whole: for health and metrics. */
  all(): readonly MemoryRoot[];
  /** Good for one call that begins at once; whatever takes longer needs a lease. Throws FORBIDDEN. */
  rootOf(principal: Principal): MemoryRoot;
  lease(principal: Principal): RootLease;
  /** Begins to index in the background. */
  start(): void;
  /** The default root to another directory. Throws MEMORY_UNAVAILABLE; true if there are other notes now. */
  moveDefaultTo(directory: string): Promise<boolean>;
}

export function openRoots({ config, indexDatabase, clock, onEvent }: RootsOptions): Roots {
  using stack = new DisposableStack();
  const { memory } = config;
  const open = (name: string, options: Omit<MemoryRootOptions, 'name' | 'indexDatabase'>): MemoryRoot =>
    openMemoryRoot({
      maxFileBytes: memory.maxFileBytes,
      maxRootBytes: memory.maxRootBytes,
      ...options,
      name,
      indexDatabase,
      clock,
      onEvent: (event) => onEvent(name, event),
    });
  const current = openCurrentRoot(memory.dir, (directory, isMove) =>
    open('default', { directory, isBesideOther: isMove }),
  );
  stack.defer(() => void current[Symbol.asyncDispose]());
  const others = new Map<string, MemoryRoot>();
  stack.defer(() => others.forEach((root) => void root[Symbol.asyncDispose]()));
  const readOnlyNames = new Set<string>();
  const entries = parseRootEntries(memory.roots);
  for (const { name, path, maxRootBytes, maxFileBytes, isReadOnly } of entries) {
    const root = open(name, {
      directory: path,
      isReadOnly,
      ...(maxRootBytes !== null && { maxRootBytes }),
      ...(maxFileBytes !== null && { maxFileBytes }),
    });
    others.set(name, root);
    if (isReadOnly) readOnlyNames.add(name);
  }
  const names = ['default', ...others.keys()];

  /** Undefined for `default`, which has a holder of its own. */
  function otherOf({ root }: Principal): MemoryRoot | undefined {
    const other = others.get(root);
    if (other !== undefined || root === 'default') return other;
    throw new AppError('FORBIDDEN', `There is no memory root "${root}" any more`, {
      hint: 'Add it to memory.roots, or give the key another (mem-agent roots list): mem-agent keys set ID --root NAME',
    });
  }

  /** What the configuration no longer names stays open until the restart, with a write lock of its own. */
  function refuseOpenDirectory(directory: string): void {
    const name = entries.find(({ path }) => directoriesMeet(path, directory))?.name;
    if (name === undefined) return;
    throw new AppError('MEMORY_UNAVAILABLE', `memory.dir can't be ${directory} yet: the memory root ${name} is there`, {
      hint: 'Restart mem-agent: it closes that root, and then opens what is configured',
    });
  }

  stack.move();
  return {
    names,
    readOnlyNames,
    all: () => [current.root, ...others.values()],
    rootOf: (principal) => scoped(otherOf(principal) ?? current.root, principal),
    lease(principal) {
      const other = otherOf(principal);
      // Only the default root can be replaced under a run.
      const lease = other === undefined ? current.lease() : { root: other, [Symbol.dispose]: () => undefined };
      return { root: scoped(lease.root, principal), [Symbol.dispose]: () => lease[Symbol.dispose]() };
    },
    start() {
      for (const root of [current.root, ...others.values()]) root.start();
    },
    async moveDefaultTo(directory) {
      refuseOpenDirectory(directory);
      return await current.moveTo(directory);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([current, ...others.values()].map((root) => root[Symbol.asyncDispose]()));
    },
  };
}

function scoped(root: MemoryRoot, { policy }: Principal): MemoryRoot {
  return policy === undefined ? root : root.scopedTo(policy);
}
