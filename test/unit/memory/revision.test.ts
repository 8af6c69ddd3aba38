// The number that says whether notes may have changed: own writes, edits behind its back, and only those.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { openTestRoot, startAndIndex, until } from './open-test-root.ts';

test('every own change grows it, reading does not', async () => {
  await using bench = openTestRoot({ notes: { 'user.md': '# User\n' } });
  const { root } = bench;
  const changes: (() => Promise<unknown>)[] = [
    () => root.writeNote('a.md', '# A\n'),
    () => root.replaceInNote('a.md', 'A', 'B'),
    () => root.createDirectory('dir'),
    () => root.rename('a.md', 'dir/a.md'),
    () => root.deleteNote('dir/a.md'),
    () => root.removeDirectory('dir'),
  ];
  for (const change of changes) {
    const before = root.revision();
    await change();
    assert.ok(root.revision() > before, String(change));
  }
  const before = root.revision();
  root.readNote('user.md');
  await root.search('user', 5);
  root.tree();
  assert.equal(root.revision(), before);
});

test('an edit from outside grows it soon, quiet does not', async () => {
  await using bench = openTestRoot({ notes: { 'user.md': '# User\n' }, sweepIntervalMs: 20 });
  const { root } = bench;
  await startAndIndex(root);
  await sleep(100);
  let before = root.revision();
  await sleep(200);
  assert.equal(root.revision(), before, 'several sweeps saw no change');
  for (const edit of [
    () => bench.plant('user.md', '# Somebody else\n'),
    () => bench.plant('deep/er/new.md', '# New\n'),
    () => bench.plant('deep/picture.png', 'not a note'),
    () => rmSync(`${bench.directory}/deep`, { recursive: true }),
  ]) {
    await sleep(50);
    before = root.revision();
    edit();
    await until(() => root.revision() > before, String(edit));
  }
});

test('two roots that follow each other in one place share no revision', async () => {
  const seen = new Set<number>();
  for (let index = 0; index < 3; index += 1) {
    await using bench = openTestRoot();
    for (let write = 0; write < 5; write += 1) {
      await bench.root.writeNote('a.md', `# ${write}\n`);
      assert.ok(!seen.has(bench.root.revision()));
      seen.add(bench.root.revision());
    }
    await sleep(20);
  }
});
