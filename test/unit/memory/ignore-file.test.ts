// `.mem-agent-ignore`: what it names is for nobody, from the next look on; lines mean what they mean to git.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseIgnoreRules } from '../../../src/memory/ignore-rules.ts';
import { openTestRoot, startAndIndex, until } from './open-test-root.ts';

test('lines are read as git reads its own', () => {
  const cases: [string, string[], string[]][] = [
    ['drafts/', ['drafts', 'drafts/a.md', 'x/drafts/a.md'], ['drafts.md', 'my-drafts/a.md']],
    ['/private.md', ['private.md'], ['x/private.md']],
    ['*.tmp.md', ['a.tmp.md', 'x/y.tmp.md'], ['a.md', 'tmp.md']],
    ['a/*/c.md', ['a/b/c.md'], ['a/c.md', 'a/b/b/c.md']],
    ['a/**/c.md', ['a/c.md', 'a/b/c.md', 'a/b/b/c.md'], ['c.md']],
    ['logs/**', ['logs/a.md', 'logs/b/c.md'], ['logs2/a.md']],
    ['note?.md', ['note1.md'], ['note.md', 'note12.md']],
    ['note[0-3].md', ['note2.md'], ['note5.md']],
    ['note[!0-3].md', ['note5.md'], ['note2.md']],
    ['*.md\n!keep.md', ['a.md'], ['keep.md', 'x/keep.md']],
    ['drafts/\n!drafts/keep.md', ['drafts/keep.md'], []],
    ['# secret.md\n\n  \n', [], ['secret.md', '# secret.md']],
    ['a+b(c).md', ['a+b(c).md'], ['aab(c).md']],
    ['caf\u00e9/', ['cafe\u0301/a.md'], []],
    ['a**b.md', ['axxb.md'], ['a/b.md']],
  ];
  for (const [text, ignored, kept] of cases) {
    const isIgnored = parseIgnoreRules(text);
    for (const path of ignored) assert.equal(isIgnored(path), true, `${text} ${path}`);
    for (const path of kept) assert.equal(isIgnored(path), false, `${text} ${path}`);
  }
});

test('an ignored note is neither listed, searched, read nor written; a change of the file counts at once', async () => {
  await using opened = openTestRoot({
    notes: { 'user.md': 'whales', 'drafts/a.md': 'whales CANARY', 'b.md': '[[a]]' },
  });
  const { root, directory } = opened;
  await startAndIndex(root);
  assert.equal((await root.search('whales', 10)).length, 2);
  const revision = root.revision();
  symlinkSync('drafts/a.md', join(directory, 'link.md'));
  opened.plant('.mem-agent-ignore', 'drafts/\n');
  assert.notEqual(root.revision(), revision, 'an answer from before is out of date');
  const refused = { code: 'PATH_REFUSED', message: /left out of this memory by \.mem-agent-ignore/ };
  for (const path of ['drafts/a.md', 'drafts/../drafts/a.md', 'link.md'])
    assert.throws(() => root.readNote(path), refused);
  assert.deepEqual(
    root.listNotes().map(({ path }) => path),
    ['b.md', 'user.md'],
  );
  assert.equal(root.tree(), './\n├── b.md\n└── user.md');
  assert.deepEqual(await root.search('CANARY', 10), []);
  assert.equal(await root.resolveLink('[[a]]'), null);
  await assert.rejects(root.writeNote('drafts/new.md', 'x'), refused);
  await assert.rejects(root.createDirectory('drafts/x'), refused);
  await assert.rejects(root.deleteNote('drafts/a.md'), refused);
  await assert.rejects(root.rename('user.md', 'drafts/user.md'), refused);
  await until(() => root.status().notes === 2, 'counted without it');
  rmSync(join(directory, '.mem-agent-ignore'));
  assert.equal(root.readNote('drafts/a.md').path, 'drafts/a.md');
});

test('a file that cannot be read closes the root and says so', async () => {
  await using opened = openTestRoot({ notes: { 'user.md': 'x' } });
  mkdirSync(join(opened.directory, '.mem-agent-ignore'));
  const closed = { code: 'MEMORY_UNAVAILABLE', hint: /Correct the file/ };
  assert.throws(() => opened.root.readNote('user.md'), closed);
  assert.throws(() => opened.root.listNotes(), closed);
  await assert.rejects(opened.root.writeNote('user.md', 'y'), closed);
});

test('a read-only root refuses every write with the reason, and is not made when it is missing', async () => {
  await using opened = openTestRoot({ notes: { 'user.md': 'x' }, isReadOnly: true });
  const refused = { code: 'PERMISSION_DENIED', message: 'The memory root test is read-only', hint: /readonly=true/ };
  await assert.rejects(opened.root.writeNote('a.md', 'x'), refused);
  await assert.rejects(opened.root.deleteNote('user.md'), refused);
  await assert.rejects(opened.root.createDirectory('a'), refused);
  await assert.rejects(opened.root.rename('user.md', 'b.md'), refused);
  assert.deepEqual(
    [opened.root.status().writable, opened.root.status().reason],
    [false, 'The memory root test is read-only'],
  );
  assert.equal(opened.root.readNote('user.md').text, 'x');
});
