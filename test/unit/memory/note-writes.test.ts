// Writes: nothing lost, nothing half done, versions, limits, line ends, directories, hooks.

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openTestRoot, startAndIndex, until } from './open-test-root.ts';

test('64 writers with 100 changes each on one note lose none', async () => {
  // In memory where there is such a place: this is about order, not about the disk.
  const place = existsSync('/dev/shm') ? { directory: '/dev/shm' } : {};
  await using opened = openTestRoot({ ...place, notes: { 'log.md': '# Log\nend\n' } });
  const { root } = opened;
  const writers = Array.from({ length: 64 }, async (_, writer) => {
    for (let change = 0; change < 100; change++) {
      if (change % 2 === 0) await root.replaceInNote('log.md', 'end\n', `w${writer}-${change}\nend\n`);
      else await root.replaceInNote('log.md', '', `w${writer}-${change}\n`);
    }
  });
  await Promise.all(writers);
  const lines = root
    .readNote('log.md')
    .text.split('\n')
    .filter((line) => line.startsWith('w'));
  assert.equal(lines.length, 6400);
  assert.equal(new Set(lines).size, 6400);
});

test('a stale version is a conflict, and of two equal claims one wins', async () => {
  await using opened = openTestRoot({ notes: { 'a.md': 'one' } });
  const { root } = opened;
  const { version } = root.readNote('a.md');
  const claims = await Promise.allSettled([
    root.writeNote('a.md', 'two', { expectedVersion: version }),
    root.writeNote('a.md', 'three', { expectedVersion: version }),
  ]);
  assert.deepEqual(
    claims.map((claim) => claim.status),
    ['fulfilled', 'rejected'],
  );
  assert.equal(root.readNote('a.md').text, 'two');
  await assert.rejects(root.writeNote('a.md', 'x', { expectedVersion: null }), { code: 'VERSION_CONFLICT' });
  await assert.rejects(root.deleteNote('a.md', { expectedVersion: version }), { code: 'VERSION_CONFLICT' });
  await assert.rejects(root.replaceInNote('a.md', 'two', 'x', { expectedVersion: version }), {
    code: 'VERSION_CONFLICT',
  });
  await assert.rejects(root.rename('a.md', 'b.md', { expectedVersion: version }), { code: 'VERSION_CONFLICT' });
  const made = await root.writeNote('new.md', 'x', { expectedVersion: null });
  assert.equal(made.created, true);
  assert.equal(made.version, root.readNote('new.md').version);
});

test('an outside edit during a replacement is kept and reported', async () => {
  await using opened = openTestRoot({ notes: { 'a.md': 'one two' } });
  const { root, plant, directory } = opened;
  const beforeEffect = async (): Promise<void> => void plant('a.md', 'edited outside');
  await assert.rejects(root.replaceInNote('a.md', 'one', 'three', { beforeEffect }), { code: 'VERSION_CONFLICT' });
  assert.equal(root.readNote('a.md').text, 'edited outside');
  assert.deepEqual(readdirSync(directory), ['a.md']);
});

test('beforeEffect sees both versions under the lock, and its refusal leaves everything as it was', async () => {
  await using opened = openTestRoot({ notes: { 'a.md': 'one' } });
  const { root, directory } = opened;
  const seen: unknown[] = [];
  const before = root.readNote('a.md').version;
  const beforeEffect = async (operation: unknown): Promise<void> => void seen.push(operation);
  const { version } = await root.writeNote('a.md', 'two', { beforeEffect });
  await root.rename('a.md', 'b.md', { beforeEffect });
  await root.deleteNote('b.md', { beforeEffect });
  await root.createDirectory('d', { beforeEffect });
  await root.removeDirectory('d', { beforeEffect });
  assert.deepEqual(seen, [
    { operation: 'note.write', path: 'a.md', before, after: version },
    { operation: 'note.rename', path: 'a.md', before: version, after: version },
    { operation: 'note.delete', path: 'b.md', before: version },
    { operation: 'dir.create', path: 'd' },
    { operation: 'dir.remove', path: 'd' },
  ]);
  const refuse = async (): Promise<void> => {
    throw new Error('audit is full');
  };
  await assert.rejects(root.writeNote('deep/new.md', 'x', { beforeEffect: refuse }));
  await assert.rejects(root.createDirectory('deep', { beforeEffect: refuse }));
  assert.deepEqual(readdirSync(directory), []);
});

test('replacement: first occurrence, literal, CRLF kept, clear refusals', async () => {
  await using opened = openTestRoot({
    notes: { 'a.md': 'x $& x', 'crlf.md': 'one\r\ntwo\r\n', 'mixed.md': 'a\r\nb\nc' },
  });
  const { root } = opened;
  await root.replaceInNote('a.md', 'x', "$& $1 $'");
  assert.equal(root.readNote('a.md').text, "$& $1 $' $& x");
  await root.replaceInNote('crlf.md', 'one\ntwo', '1\n2\n3');
  assert.equal(root.readNote('crlf.md').text, '1\r\n2\r\n3\r\n');
  await root.replaceInNote('mixed.md', 'b\nc', 'd\ne');
  assert.equal(root.readNote('mixed.md').text, 'a\r\nd\ne');
  await root.replaceInNote('mixed.md', '', 'top\n');
  assert.equal(root.readNote('mixed.md').text, 'top\na\r\nd\ne');
  await assert.rejects(root.replaceInNote('a.md', 'absent', 'y'), { code: 'NO_MATCH' });
  await assert.rejects(root.replaceInNote('a.md', 'x', 'x'), { code: 'NO_CHANGE' });
  await assert.rejects(root.replaceInNote('none.md', 'x', 'y'), { code: 'NOT_FOUND' });
});

test('limits: 1 MiB a file to the byte, and the whole root', async () => {
  const mebibyte = 1024 ** 2;
  await using opened = openTestRoot({ maxRootBytes: 2 * mebibyte + 10 });
  const { root } = opened;
  await root.writeNote('a.txt', 'x'.repeat(mebibyte));
  await assert.rejects(root.writeNote('b.txt', 'x'.repeat(mebibyte + 1)), { code: 'TOO_LARGE' });
  await assert.rejects(root.writeNote('b.txt', 'é'.repeat(mebibyte / 2 + 1)), { code: 'TOO_LARGE' });
  await assert.rejects(root.replaceInNote('a.txt', '', 'y'), { code: 'TOO_LARGE' });
  await root.writeNote('b.txt', 'y'.repeat(mebibyte));
  await assert.rejects(root.writeNote('c.md', 'x'.repeat(11)), { code: 'QUOTA_EXCEEDED' });
  await root.writeNote('c.md', 'x'.repeat(10));
  await root.writeNote('b.txt', '');
  await root.writeNote('c.md', 'x'.repeat(11));
  assert.equal(root.status().sizeBytes, mebibyte + 11);
  assert.equal(root.sizeBytes(''), mebibyte + 11);
});

test('quota counts what was there before', async () => {
  await using opened = openTestRoot({ maxRootBytes: 1000, notes: { 'old.md': 'x'.repeat(995) } });
  await assert.rejects(opened.root.writeNote('new.md', 'x'.repeat(6)), { code: 'QUOTA_EXCEEDED' });
});

test('modes: new files 0600, directories 0700, existing modes stay', async () => {
  await using opened = openTestRoot({ notes: { 'shared.md': 'x' } });
  const { root, directory } = opened;
  chmodSync(join(directory, 'shared.md'), 0o664);
  await root.writeNote('shared.md', 'y');
  await root.writeNote('deep/er/new.md', 'z');
  assert.equal(statSync(join(directory, 'shared.md')).mode & 0o777, 0o664);
  assert.equal(statSync(join(directory, 'deep/er/new.md')).mode & 0o777, 0o600);
  assert.equal(statSync(join(directory, 'deep')).mode & 0o777, 0o700);
});

test('directories: parents made, only empty ones removed, rename moves whole ones', async () => {
  await using opened = openTestRoot({ notes: { 'user.md': 'u', 'people/ada.md': '# Ada\nlikes engines' } });
  const { root } = opened;
  await startAndIndex(root);
  await root.createDirectory('a/b/c');
  await root.createDirectory('a/b/c');
  assert.equal(root.stat('a/b/c')?.kind, 'directory');
  await assert.rejects(root.createDirectory('user.md'), { code: 'NOT_A_DIRECTORY' });
  await assert.rejects(root.writeNote('user.md/x.md', 'x'), { code: 'NOT_A_DIRECTORY' });
  await assert.rejects(root.removeDirectory('a'), { code: 'INVALID_INPUT' });
  await root.removeDirectory('a/b/c');
  await assert.rejects(root.removeDirectory(''), { code: 'PATH_REFUSED' });
  await assert.rejects(root.deleteNote('people'), { code: 'NOT_A_FILE' });
  await assert.rejects(root.rename('user.md', 'people/ada.md'), { code: 'ALREADY_EXISTS' });
  await assert.rejects(root.rename('people', 'people/inside'), { code: 'PATH_REFUSED' });
  await root.rename('people', 'entities/people');
  assert.equal(root.readNote('entities/people/ada.md').text, '# Ada\nlikes engines');
  await until(
    async () => (await root.search('engines', 5))[0]?.path === 'entities/people/ada.md',
    'renamed directory in the index',
  );
});

test('not text, not there, not a file', async () => {
  await using opened = openTestRoot();
  const { root, plant, directory } = opened;
  plant('binary.md', Uint8Array.of(0xff, 0xfe, 0x00));
  assert.throws(() => root.readNote('binary.md'), { code: 'NOT_TEXT' });
  assert.equal(root.readBytes('binary.md').length, 3);
  await assert.rejects(root.writeNote('a.md', '\ud800'), { code: 'NOT_TEXT' });
  mkdirSync(join(directory, 'd'));
  assert.throws(() => root.readNote('d'), { code: 'NOT_A_FILE' });
  assert.throws(() => root.readNote('none/none.md'), { code: 'NOT_FOUND' });
  assert.throws(() => root.listDirectory('binary.md'), { code: 'NOT_A_DIRECTORY' });
  assert.throws(() => root.sizeBytes('none'), { code: 'NOT_FOUND' });
});

test('names in any Unicode form are one note; a byte order mark survives', async () => {
  await using opened = openTestRoot();
  const { root, plant, directory } = opened;
  plant('Rene\u0301.md', 'decomposed on disk');
  assert.equal(root.readNote('Ren\u00e9.md').text, 'decomposed on disk');
  await root.writeNote('Ren\u00e9.md', 'changed');
  assert.deepEqual(readdirSync(directory), ['Rene\u0301.md']);
  await root.writeNote('Zoe\u0308/日本語 ノート.md', '\ufeff# 東京');
  assert.ok(existsSync(join(directory, 'Zo\u00eb', '日本語 ノート.md')));
  assert.equal(root.readNote('Zo\u00eb/日本語 ノート.md').text, '\ufeff# 東京');
});

test('leftovers of interrupted writes are hidden, and swept at the start', async () => {
  await using opened = openTestRoot({ notes: { 'a.md': 'x', 'd/b.md': 'y' } });
  const { root, plant, directory } = opened;
  const old = new Date(Date.now() - 60_000);
  for (const leftover of ['.mem-agent-tmp-1-abc', 'd/.mem-agent-tmp-2-abc'])
    utimesSync(plant(leftover, 'half'), old, old);
  writeFileSync(join(directory, '.mem-agent-tmp-3-young'), 'maybe in use');
  assert.equal(root.tree(), './\n├── a.md\n└── d/\n    └── b.md');
  await startAndIndex(root);
  assert.deepEqual(readdirSync(directory).sort(), ['.mem-agent-tmp-3-young', 'a.md', 'd']);
  assert.deepEqual(readdirSync(join(directory, 'd')), ['b.md']);
  assert.equal(readFileSync(join(directory, 'a.md'), 'utf8'), 'x');
});

test('after closing, writes are refused and those asked for before are done', async () => {
  const opened = openTestRoot();
  const early = opened.root.writeNote('a.md', 'x');
  const closed = opened[Symbol.asyncDispose]();
  await assert.rejects(opened.root.writeNote('b.md', 'x'), { code: 'MEMORY_UNAVAILABLE' });
  assert.equal((await early).created, true);
  await closed;
});
