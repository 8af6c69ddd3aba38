// A memory root in a temp directory for one test; removed with everything beside it when disposed.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import type { MemoryEvent } from '../../../src/memory/memory-event.ts';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { openMemoryRoot, type MemoryRootOptions } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';

export interface TestRoot extends AsyncDisposable {
  /** Holds `memory/` (the root) and whatever a test plants beside it. */
  base: string;
  directory: string;
  root: MemoryRoot;
  events: MemoryEvent[];
  /** Closes the index database under the root. */
  breakIndex: () => void;
  /** Puts a file there behind the root's back. */
  plant: (path: string, content: string | Uint8Array) => string;
}

export function openTestRoot(options: Partial<MemoryRootOptions> & { notes?: Record<string, string> } = {}): TestRoot {
  const base = mkdtempSync(join(options.directory ?? tmpdir(), 'mem-agent-memory-'));
  const directory = join(base, 'memory');
  mkdirSync(directory);
  const plant = (path: string, content: string | Uint8Array): string => {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };
  for (const [path, text] of Object.entries(options.notes ?? {})) plant(path, text);
  const store = openIndexStore({ directory: join(base, 'state'), schema: INDEX_SCHEMA });
  const events: MemoryEvent[] = [];
  const root = openMemoryRoot({
    name: 'test',
    indexDatabase: store.db,
    onEvent: (event) => events.push(event),
    ...options,
    directory,
  });
  return {
    base,
    directory,
    root,
    events,
    plant,
    breakIndex: () => store.close(),
    async [Symbol.asyncDispose]() {
      await root[Symbol.asyncDispose]();
      store.close();
      rmSync(base, { recursive: true, force: true });
    },
  };
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (await condition()) return;
    await sleep(5);
  }
  throw new Error(`Never happened: ${what}`);
}

export async function startAndIndex(root: MemoryRoot): Promise<void> {
  root.start();
  await until(() => root.status().index === 'ready', 'index ready');
}
