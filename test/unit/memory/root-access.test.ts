// The directory of the notes goes away under a running daemon, and comes back: it is told, nothing is answered as if there were no
// notes, and nothing needs a restart.

import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import type { AppError } from '../../../src/lib/app-error.ts';
import type { IndexHandle } from '../../../src/memory/index-database.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openTestRoot, startAndIndex, until } from './open-test-root.ts';

const NOTES = { 'cat.md': '# Cat\n\nThe cat is called Pepper.\n', 'dog.md': '# Dog\n' };
const GONE = { code: 'MEMORY_UNAVAILABLE', message: 'The memory directory is not there (ENOENT)' };

test('a directory that is gone is told, and not taken for an empty one', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const { root, directory } = opened;
  await startAndIndex(root);
  assert.equal(root.problem(), '');
  renameSync(directory, `${directory}.away`);
  assert.match(root.problem(), /^The memory directory is not there \(ENOENT\)\. Bring it back/);
  assert.equal(root.status().writable, false);
  await assert.rejects(root.search('Pepper', 5), GONE);
  await assert.rejects(root.writeNote('new.md', 'x'), GONE);
  for (const read of [
    () => root.readNote('cat.md'),
    () => root.listNotes(),
    () => root.listDirectory(''),
    () => root.tree(),
  ])
    assert.throws(read, GONE);
  renameSync(`${directory}.away`, directory);
  assert.equal(root.problem(), '');
  assert.equal((await root.search('Pepper', 5))[0]?.path, 'cat.md');
  await root.writeNote('new.md', '# New\n');
});

test('another directory in its place is followed like the first', async () => {
  await using opened = openTestRoot({ notes: NOTES, sweepIntervalMs: 20 });
  const { root, directory } = opened;
  await startAndIndex(root);
  cpSync(directory, `${directory}.copy`, { recursive: true });
  rmSync(directory, { recursive: true });
  writeFileSync(directory, '');
  assert.match(root.problem(), /it is a file/);
  unlinkSync(directory);
  renameSync(`${directory}.copy`, directory);
  opened.plant('horse.md', '# Horse\n\nThe horse is called Pia.\n');
  await until(async () => (await root.search('Pia', 5)).length === 1, 'the new note is found');
  assert.equal(root.status().index, 'ready');
});

test('a root that is read-only by choice has a problem only when it is gone', async () => {
  await using opened = openTestRoot({ notes: NOTES, isReadOnly: true });
  const { root, directory } = opened;
  assert.equal(root.problem(), '');
  await assert.rejects(root.writeNote('new.md', 'x'), { code: 'PERMISSION_DENIED' });
  renameSync(directory, `${directory}.away`);
  assert.match(root.problem(), /not there/);
});

test('a link that leads nowhere is called that, not a matter of rights', async () => {
  await using opened = openTestRoot({});
  const { directory } = opened;
  const link = `${directory}.link`;
  symlinkSync(`${directory}.nowhere`, link);
  assert.throws(
    () => openMemoryRoot({ name: 'link', directory: link, indexDatabase: {} as IndexHandle }),
    ({ userMessage }: AppError) => /\(ENOENT\)\. A symbolic link on its path leads nowhere/.test(userMessage),
  );
});
