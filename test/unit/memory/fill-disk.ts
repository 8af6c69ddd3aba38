// Child of the crash test, in a mount namespace of its own: fills a 256 KiB disk through the memory root, then makes it
// read-only. Without such a disk (no argument) it shows the mapping with the error that /dev/full gives.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { toAppError } from '../../../src/lib/app-error.ts';
import { toFileError } from '../../../src/memory/file-error.ts';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';

async function codeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'no error';
  } catch (error) {
    return toAppError(error).code;
  }
}

async function fill(directory: string): Promise<object> {
  const state = mkdtempSync(join(tmpdir(), 'mem-agent-full-'));
  try {
    using store = openIndexStore({ directory: state, schema: INDEX_SCHEMA });
    await using root = openMemoryRoot({ name: 'full', directory, indexDatabase: store.db });
    await root.writeNote('note.md', 'small');
    const full = await codeOf(() => root.writeNote('note.md', 'x'.repeat(400_000)));
    const { text } = root.readNote('note.md');
    const left = readdirSync(directory);
    spawnSync('mount', ['-o', 'remount,ro', directory]);
    const readOnly = await codeOf(() => root.writeNote('note.md', 'y'));
    await using later = openMemoryRoot({ name: 'later', directory, indexDatabase: store.db });
    return { full, text, left, readOnly, writable: later.status().writable, again: later.readNote('note.md').text };
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

function mapOnly(): object {
  try {
    writeFileSync('/dev/full', 'x');
    return { full: 'no error' };
  } catch (error) {
    return { full: toFileError(error, 'note.md').code };
  }
}

const [directory = ''] = process.argv.slice(2);
process.stdout.write(JSON.stringify(directory === '' ? mapOnly() : await fill(directory)));
