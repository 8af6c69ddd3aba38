// Search: the same answers from files and index, safe with any text, in step with own writes and outside edits.

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';
import { openTestRoot, startAndIndex, until } from './open-test-root.ts';

const NOTES: Record<string, string> = {
  'user.md': '# User Information\n\nLives in Lisbon. Sister: [[entities/ada]].\n',
  'entities/ada.md': '# Ada Lovelace\n\n- birthday: 10 December\n- likes analytical engines and café\n',
  'entities/grace.md': '# Grace Hopper\n\nWrote compilers. Knows Ada.\n',
  'places/lisbon.md': '# Lisbon\n\nCity of seven hills.\n',
  'tokyo.md': '# 東京\n\n日本の首都です。\n',
  'notes.txt': 'Lisbon in a text file',
};
for (let number = 0; number < 40; number++)
  NOTES[`filler/${number}.md`] = `# Filler ${number}\n\nThe common words are in every note. Item ${number}.\n`;

const QUERIES = [
  'lisbon',
  'Ada birthday',
  'ADA',
  'cafe',
  'compilers',
  'hopper grace',
  'analyt',
  'nothingatall',
  '東京',
  '首',
  'seven hills lisbon',
  'user information',
];

test('index and file scan give the same hits', async () => {
  await using scanned = openTestRoot({ notes: NOTES });
  await using indexed = openTestRoot({ notes: NOTES });
  await startAndIndex(indexed.root);
  assert.equal(scanned.root.status().index, 'building');
  for (const query of QUERIES) {
    const hits = await indexed.root.search(query, 5);
    const pathsAndScores = hits.map(({ path, title, snippet, score }) => ({ path, title, snippet, score }));
    assert.deepEqual((await scanned.root.search(query, 5)).sort(byPath), pathsAndScores.sort(byPath), query);
  }
  assert.equal((await indexed.root.search('lisbon', 5))[0]?.path, 'places/lisbon.md');
  assert.equal((await indexed.root.search('ada birthday', 5))[0]?.path, 'entities/ada.md');
  assert.equal((await indexed.root.search('analyt', 5))[0]?.path, 'entities/ada.md');
  assert.deepEqual(
    (await indexed.root.search('lisbon', 9)).map((hit) => hit.path),
    ['places/lisbon.md', 'user.md'],
  );
});

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : 1;
}

test('snippets are one line of at most 240 characters around the match', async () => {
  const long = `# Long\n\n${'padding words here '.repeat(60)}the needle lies here ${'and more after it '.repeat(60)}\n`;
  await using opened = openTestRoot({
    notes: { 'long.md': long, 'huge.md': `${'x y z\n'.repeat(20_000)}needles galore\n`, ...NOTES },
  });
  for (const hit of [
    ...(await opened.root.search('needle', 5)),
    ...(await opened.root.search('ada', 5)),
    ...(await opened.root.search('galore', 5)),
  ]) {
    assert.ok(hit.snippet.length > 0 && hit.snippet.length <= 240, hit.snippet);
    assert.ok(!/[\n\r\t]/.test(hit.snippet));
  }
  assert.match((await opened.root.search('needle', 1))[0]?.snippet ?? '', /^\.\.\..*needle.*\.\.\.$/);
  assert.match((await opened.root.search('galore', 1))[0]?.snippet ?? '', /galore/);
  assert.match((await opened.root.search('birthday', 1))[0]?.snippet ?? '', /10 December/);
});

test('no query is syntax', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  await startAndIndex(opened.root);
  for (const query of [
    '"',
    '*',
    'a OR',
    'NEAR(',
    'ada AND',
    'words:ada',
    '{}',
    "'; DROP TABLE x; --",
    '^ada',
    'ada*',
    '\0',
    '\ud800',
    '-',
    '(((',
    'x'.repeat(5000),
    '\uE000',
  ]) {
    assert.ok(Array.isArray(await opened.root.search(query, 5)), query);
  }
  assert.equal(
    (await opened.root.search('NOT ada* OR "', 5)).some((hit) => hit.path === 'entities/ada.md'),
    true,
  );
  for (const limit of [0, -1, Number.NaN]) assert.deepEqual(await opened.root.search('ada', limit), []);
  assert.equal((await opened.root.search('common', 1000)).length, 40);
});

test('own writes are found at once, gone ones are not', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const { root } = opened;
  await startAndIndex(root);
  await root.writeNote('fresh.md', '# Fresh\nxylophone');
  assert.equal((await root.search('xylophone', 5))[0]?.path, 'fresh.md');
  await root.replaceInNote('fresh.md', 'xylophone', 'marimba');
  assert.equal((await root.search('xylophone', 5)).length, 0);
  await root.rename('fresh.md', 'moved.md');
  assert.deepEqual(
    (await root.search('marimba', 5)).map((hit) => hit.path),
    ['moved.md'],
  );
  assert.equal(root.status().notes, 46);
  await root.deleteNote('moved.md');
  assert.equal((await root.search('marimba', 5)).length, 0);
  assert.equal(root.status().indexedNotes, 45);
});

test('outside edits are followed: changed, new in a new directory, moved, deleted', async () => {
  await using opened = openTestRoot({ notes: NOTES, sweepIntervalMs: 200 });
  const { root, plant, directory } = opened;
  await startAndIndex(root);
  plant('entities/ada.md', '# Ada\nplays theremin');
  await until(async () => (await root.search('theremin', 5))[0]?.path === 'entities/ada.md', 'edit seen');
  mkdirSync(join(directory, 'new/deep'), { recursive: true });
  plant('new/deep/one.md', '# One\nglockenspiel');
  await until(async () => (await root.search('glockenspiel', 5)).length === 1, 'new directory seen');
  renameSync(join(directory, 'new'), join(directory, 'renamed'));
  await until(async () => (await root.search('glockenspiel', 5))[0]?.path === 'renamed/deep/one.md', 'move seen');
  rmSync(join(directory, 'renamed'), { recursive: true });
  await until(
    async () => (await root.search('glockenspiel', 5)).length === 0 && root.status().notes === 45,
    'deletion seen',
  );
});

test('the index survives a restart and catches up with what changed meanwhile', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const { plant, directory } = opened;
  using store = openIndexStore({ directory: join(opened.base, 'kept'), schema: INDEX_SCHEMA });
  const options = { name: 'kept', directory, indexDatabase: store.db };
  {
    await using first = openMemoryRoot(options);
    await startAndIndex(first);
    const { indexedNotes, notes, writable, reason } = first.status();
    assert.deepEqual(
      { indexedNotes, notes, writable, reason },
      { indexedNotes: 45, notes: 45, writable: true, reason: '' },
    );
  }
  plant('entities/ada.md', '# Ada\nplays theremin');
  rmSync(join(directory, 'places'), { recursive: true });
  await using second = openMemoryRoot(options);
  assert.equal(second.status().indexedNotes, 45);
  await startAndIndex(second);
  assert.equal(second.status().indexedNotes, 44);
  assert.equal((await second.search('theremin', 5))[0]?.path, 'entities/ada.md');
  assert.deepEqual(await second.search('hills', 5), []);
});

test('a broken index never breaks the memory', async () => {
  const opened = openTestRoot({ notes: NOTES });
  await using closing = opened;
  const { root } = closing;
  await startAndIndex(root);
  opened.breakIndex();
  assert.equal((await root.search('lisbon', 5))[0]?.path, 'places/lisbon.md');
  assert.equal(root.status().index, 'failed');
  await root.writeNote('after.md', 'marimba');
  assert.equal((await root.search('marimba', 5))[0]?.path, 'after.md');
});
