// Listings: the tree's exact format, what is hidden, the order, and how a root is opened.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';
import { openTestRoot } from './open-test-root.ts';

test('the tree has the format the model was trained on', async () => {
  await using opened = openTestRoot({
    notes: {
      'user.md': 'u',
      'entities/people/ada.md': 'a',
      'entities/zoo.md': 'z',
      'Zebra.md': 'z',
      '.git/config': 'g',
      '.hidden.md': 'h',
      '__pycache__/x.pyc': 'p',
      'data.json': '{}',
    },
  });
  mkdirSync(join(opened.directory, 'empty'));
  mkdirSync(join(opened.directory, 'only-hidden/.obsidian'), { recursive: true });
  assert.equal(
    opened.root.tree(),
    [
      './',
      '├── Zebra.md',
      '├── data.json',
      '├── empty/ (empty)',
      '├── entities/',
      '│   ├── people/',
      '│   │   └── ada.md',
      '│   └── zoo.md',
      '├── only-hidden/ (empty)',
      '└── user.md',
    ].join('\n'),
  );
});

test('an empty root is one line; astral names sort as Python sorts them', async () => {
  await using opened = openTestRoot();
  assert.equal(opened.root.tree(), './');
  opened.plant('\u{1F600}.md', 'x');
  opened.plant('\uFB01.md', 'x');
  assert.equal(opened.root.tree(), './\n├── \uFB01.md\n└── \u{1F600}.md');
});

test('links in listings: inside ones shown, cycles end, others hidden', async () => {
  await using opened = openTestRoot({ notes: { 'a/note.md': 'x' } });
  const { base, directory, root } = opened;
  symlinkSync('..', join(directory, 'a/up'));
  symlinkSync(base, join(directory, 'out'));
  symlinkSync('nowhere', join(directory, 'dangling'));
  symlinkSync('a/note.md', join(directory, 'alias.md'));
  assert.equal(root.tree(), './\n├── a/\n│   ├── note.md\n│   └── up/\n└── alias.md');
  assert.deepEqual(root.listDirectory(''), [
    { name: 'a', kind: 'directory' },
    { name: 'alias.md', kind: 'file' },
  ]);
  assert.deepEqual(
    root.listNotes().map((note) => note.path),
    ['a/note.md'],
  );
});

test('listNotes has Markdown only, all of it, with sizes', async () => {
  await using opened = openTestRoot({ notes: { 'b.md': 'xy', 'a/C.MD': 'x', 'x.txt': 'x', '.md': 'x' } });
  assert.deepEqual(
    opened.root.listNotes().map(({ path, sizeBytes }) => ({ path, sizeBytes })),
    [
      { path: 'a/C.MD', sizeBytes: 1 },
      { path: 'b.md', sizeBytes: 2 },
    ],
  );
  assert.equal(opened.root.sizeBytes(''), 4);
  assert.equal(opened.root.sizeBytes('a'), 1);
  assert.equal(opened.root.sizeBytes('b.md'), 2);
});

test('a missing directory is made with a first note, a file in its place is refused with a hint', async () => {
  await using opened = openTestRoot();
  using store = openIndexStore({ directory: join(opened.base, 'other'), schema: INDEX_SCHEMA });
  const directory = join(opened.base, 'deep/memory');
  await using made = openMemoryRoot({ name: 'made', directory, indexDatabase: store.db });
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  assert.equal(statSync(join(directory, 'user.md')).mode & 0o777, 0o600);
  assert.match(made.readNote('user.md').text, /^# User Information\n/);
  writeFileSync(join(opened.base, 'file'), 'precious');
  assert.throws(() => openMemoryRoot({ name: 'file', directory: join(opened.base, 'file'), indexDatabase: store.db }), {
    code: 'MEMORY_UNAVAILABLE',
    hint: /memory\.dir/,
  });
  assert.equal(readFileSync(join(opened.base, 'file'), 'utf8'), 'precious');
  // An existing directory is taken as it is.
  assert.ok(!existsSync(join(opened.directory, 'user.md')));
});
