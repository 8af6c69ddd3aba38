// The directory of the notes goes away under a running daemon, and comes back: it is told, nothing is answered as if there were no
// notes, and nothing needs a restart.

import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
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
