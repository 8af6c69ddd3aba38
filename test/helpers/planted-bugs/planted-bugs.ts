// Bugs that the fault tests plant into a daemon of their own, to show that they would find them. Each is an edit of one source
// file, made while node loads it (plant-bug.ts); the product holds no switch for it and the files stay as they are.
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

export interface Edit {
  /** Relative to the project root. */
  file: string;
  /** Must be there exactly once: an edit that no longer fits is an error, not a bug that is not planted. */
  from: string;
  to: string;
}

const BUGS = {
  'no write lock': {
    file: 'src/memory/write-lock.ts',
    from: 'this.#tail.then(task)',
    to: 'task()',
  },
  'notes are written in place': {
    file: 'src/memory/atomic-write.ts',
    from: 'export async function writeAtomically(options: AtomicWriteOptions): Promise<void> {',
    to: `export async function writeAtomically(options: AtomicWriteOptions): Promise<void> {
      options.beforeRename?.();
      const inPlace = await open(join(options.parent, options.name), 'w', NEW_FILE_MODE);
      const half = options.bytes.length >> 1;
      try {
        await inPlace.writeFile(options.bytes.subarray(0, half));
        await inPlace.sync();
        await inPlace.writeFile(options.bytes.subarray(half));
        await inPlace.sync();
      } finally {
        await inPlace.close();
      }
      return;`,
  },
  'an audit that fails is ignored': {
    file: 'src/audit/open-audit-log.ts',
    from: 'if (error instanceof AppError) throw error;\n      throw new AppError(',
    to: 'return;\n      throw new AppError(',
  },
  'a drain waits for nobody': {
    file: 'src/daemon/compose.ts',
    from: 'const deadlineMs = settings.config.daemon.drainTimeoutMs;',
    to: 'const deadlineMs = 0;',
  },
  'a second signal forces at once': {
    file: 'src/daemon/watch-signals.ts',
    from: 'const SECOND_SIGNAL_AFTER_MS = 2000;',
    to: 'const SECOND_SIGNAL_AFTER_MS = 0;',
  },
  'a reload that fails is not caught': {
    file: 'src/daemon/lifecycle.ts',
    from: 'daemon?.reload(options.reload).catch(',
    to: 'daemon?.reload(options.reload).then(',
  },
  'keys are logged': {
    file: 'src/http/middleware/authenticate.ts',
    from: 'const token = /^bearer',
    to: 'process.stderr.write(`${authorization}\\n`);\n  const token = /^bearer',
  },
} as const satisfies Record<string, Edit>;

export type PlantedBug = keyof typeof BUGS;

export function editOf(name: string): Edit {
  const edit: Edit | undefined = Object.entries(BUGS).find(([known]) => known === name)?.[1];
  if (edit === undefined) throw new Error(`there is no planted bug "${name}"`);
  return edit;
}

/** Arguments for node, in front of the script. */
export function nodeFlagsFor(bug: PlantedBug | undefined): string[] {
  if (bug === undefined) return [];
  const module = pathToFileURL(join(import.meta.dirname, 'plant-bug.ts'));
  module.searchParams.set('bug', bug);
  return [`--import=${module.href}`];
}
