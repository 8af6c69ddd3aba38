// An entry that is swapped for a link to the outside while it is used gives the inside or a refusal, never the outside.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { AppError } from '../../../src/lib/app-error.ts';
import { openTestRoot, until } from './open-test-root.ts';

const ROUNDS = 2000;

test('2,000 rounds against a thread that swaps files and directories for links', async () => {
  await using opened = openTestRoot();
  const { base, directory, root } = opened;
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside/note.md'), 'CANARY');
  const stop = new SharedArrayBuffer(8);
  const flag = new Int32Array(stop);
  const swapper = new Worker(new URL('swap-entries.ts', import.meta.url), { workerData: { base, directory, stop } });
  const outcomes = new Map<string, number>();
  const count = (outcome: string): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  const note = (error: unknown): void => {
    assert.ok(
      error instanceof AppError && ['PATH_REFUSED', 'NOT_FOUND', 'NOT_A_FILE', 'NOT_A_DIRECTORY'].includes(error.code),
      String(error),
    );
    count(error.code);
  };
  await until(() => Atomics.load(flag, 1) > 3, 'swapper at work');
  for (let round = 0; round < ROUNDS; round++) {
    for (const path of ['note.md', 'dir/note.md']) {
      try {
        assert.equal(root.readNote(path).text, 'inside');
        count('read');
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        note(error);
      }
    }
    // The swapper's bare rename may undo a write; what matters is where it went.
    if (round % 20 === 0) await root.writeNote(`dir/written-${round}.md`, 'x').then(() => count('written'), note);
  }
  Atomics.store(flag, 0, 1);
  await once(swapper, 'exit');
  assert.deepEqual(readdirSync(join(base, 'outside')), ['note.md']);
  assert.equal(readFileSync(join(base, 'outside/note.md'), 'utf8'), 'CANARY');
  // Both sides of the race were met, or the test shows nothing.
  assert.ok((outcomes.get('read') ?? 0) > 0 && (outcomes.get('PATH_REFUSED') ?? 0) > 0, JSON.stringify([...outcomes]));
});
