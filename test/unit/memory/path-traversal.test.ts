// No path text, link or name reaches anything outside the memory root, with any operation.

import assert from 'node:assert/strict';
import { linkSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '../../../src/lib/app-error.ts';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { openTestRoot } from './open-test-root.ts';

const CANARY = 'CANARY-OUTSIDE-5d1f';
const TARGETS = ['canary.md', 'canary', 'memory-secret/canary.md', 'etc/passwd'];

function vectors(base: string): string[] {
  const dots = [
    '..',
    '%2e%2e',
    '%252e%252e',
    '%2E%2e',
    '．．',
    '․․',
    '‥',
    '..%00',
    '.\u200b.',
    '。。/..',
    '..;',
    ' ..',
    '.. ',
    '...',
  ];
  const slashes = ['/', '//', '\\', '/./', '%2f', '%252F', '%5c', '／', '∕', '⁄', '＼', '⧸', '\\/'];
  const found: string[] = [];
  for (const dot of dots)
    for (const slash of slashes) for (const target of TARGETS) found.push(`${dot}${slash}${target}`);
  for (let depth = 2; depth <= 12; depth += 2)
    for (const target of TARGETS)
      found.push(`${'../'.repeat(depth)}${target}`, `entities/${'../'.repeat(depth)}${target}`);
  for (const target of TARGETS) {
    found.push(
      `${base}/${target}`,
      `${base}/memory/../${target}`,
      `${base}/memory-secret/../${target}`,
      `//${base}/${target}`,
      `file://${base}/${target}`,
    );
    found.push(
      `~/${target}`,
      `~root/${target}`,
      `$HOME/${target}`,
      `entities/../../${target}`,
      `./../${target}`,
      `user.md/../../${target}`,
    );
    found.push(
      `${target}\0.md`,
      `../${target}\0`,
      `\0../${target}`,
      `..\n/${target}`,
      `\u202e../${target}`,
      `\ufeff../${target}`,
    );
  }
  found.push(
    '/',
    '..',
    '/..',
    '~',
    '.',
    '',
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/self/root/etc/passwd',
    '/dev/zero',
    `/proc/self/cwd/${base}/canary.md`,
  );
  found.push(
    'link-file.md',
    'link-dir/canary.md',
    'link-dir',
    'link-dangling.md',
    'link-chain.md',
    'link-loop.md',
    'hard.md',
    '.hidden',
    '.git/config',
    'entities/.secret.md',
  );
  found.push(
    'link-hidden.md',
    'a'.repeat(300),
    `${'a/'.repeat(600)}b`,
    '\ud800.md',
    'CON',
    'NUL.md',
    'canary.md.',
    'canary.md ',
  );
  return found;
}

async function attack(root: MemoryRoot, path: string): Promise<void> {
  const reads = [
    () => root.readNote(path).text,
    () => root.readBytes(path).toString('latin1'),
    () => root.listDirectory(path),
    () => root.resolveLink(`[[${path}]]`),
  ];
  for (const read of [...reads, () => root.stat(path), () => root.sizeBytes(path)]) {
    try {
      const answer = JSON.stringify(await read());
      // A hard link is a file of the root that shares its bytes: it may be read, never written.
      if (path !== 'hard.md') assert.ok(!answer.includes(CANARY) && !answer.includes('root:'), `${path} was read`);
    } catch (error) {
      assert.ok(error instanceof AppError, `${path}: ${String(error)}`);
      assert.ok(error.code !== 'INTERNAL' && error.code !== 'MEMORY_UNAVAILABLE', `${path}: ${error.code}`);
      assert.ok(!/\p{Cc}/u.test(error.message));
    }
  }
  const writes = [
    () => root.writeNote(path, 'overwritten'),
    () => root.replaceInNote(path, '', 'overwritten'),
    () => root.rename('victim.md', path),
    () => root.rename(path, 'moved.md'),
  ];
  for (const write of [
    ...writes,
    () => root.createDirectory(path),
    () => root.removeDirectory(path),
    () => root.deleteNote(path),
  ]) {
    try {
      await write();
    } catch (error) {
      assert.ok(error instanceof AppError, `${path}: ${String(error)}`);
      assert.ok(
        error.code !== 'INTERNAL' && error.code !== 'MEMORY_UNAVAILABLE',
        `${path}: ${error.code} ${error.message}`,
      );
    }
  }
}

test('at least 500 traversal vectors reach nothing outside with any operation', async () => {
  await using opened = openTestRoot({
    notes: { 'user.md': '# User', 'victim.md': 'v', 'entities/ada.md': 'x', '.git/config': CANARY },
  });
  const { base, directory, root } = opened;
  mkdirSync(join(base, 'memory-secret'));
  mkdirSync(join(base, 'etc'));
  for (const target of TARGETS) writeFileSync(join(base, target), CANARY);
  symlinkSync('../canary.md', join(directory, 'link-file.md'));
  symlinkSync(base, join(directory, 'link-dir'));
  symlinkSync('../made-by-write.md', join(directory, 'link-dangling.md'));
  symlinkSync('link-file.md', join(directory, 'link-chain.md'));
  symlinkSync('link-loop.md', join(directory, 'link-loop.md'));
  symlinkSync('.git/config', join(directory, 'link-hidden.md'));
  linkSync(join(base, 'canary'), join(directory, 'hard.md'));
  const before = readdirSync(base).sort();
  const all = vectors(base);
  assert.ok(new Set(all).size >= 500, `only ${new Set(all).size} vectors`);
  for (const path of all) await attack(root, path);
  assert.deepEqual(readdirSync(base).sort(), before);
  for (const target of TARGETS) assert.equal(readFileSync(join(base, target), 'utf8'), CANARY);
  assert.equal(readFileSync(join(directory, '.git/config'), 'utf8'), CANARY);
  assert.ok(!root.tree().includes('canary'));
});

test('the refusals have the stable code', async () => {
  await using opened = openTestRoot({ notes: { 'user.md': '# User' } });
  const { base, root } = opened;
  for (const path of [
    '../x.md',
    '/etc/passwd',
    '~/x',
    'a\0b',
    'a\\b',
    '..／x',
    '.env',
    'a/.b/c',
    'x'.repeat(256),
    `${base}/memory-secret/x`,
    '%2e%2e/x',
  ]) {
    assert.throws(() => root.readNote(path), { code: 'PATH_REFUSED' }, path);
    await assert.rejects(root.writeNote(path, 'x'), { code: 'PATH_REFUSED' }, path);
  }
});

test('the ways to write a path inside the root are one', async () => {
  await using opened = openTestRoot({ notes: { 'entities/ada.md': '# Ada' } });
  const { directory, root } = opened;
  for (const path of [
    'entities/ada.md',
    './entities/ada.md',
    'entities//ada.md',
    'entities/../entities/ada.md',
    `${directory}/entities/ada.md`,
  ]) {
    assert.equal(root.readNote(path).path, 'entities/ada.md', path);
  }
  assert.equal(root.stat('')?.kind, 'directory');
  assert.equal(root.stat('.')?.kind, 'directory');
  assert.equal(root.stat(directory)?.kind, 'directory');
  assert.equal(root.stat('entities/none.md'), null);
});

test('links inside the root are followed, also for writes', async () => {
  await using opened = openTestRoot({ notes: { 'real/note.md': 'one' } });
  const { directory, root } = opened;
  symlinkSync('real/note.md', join(directory, 'alias.md'));
  symlinkSync('real', join(directory, 'dir-alias'));
  assert.equal(root.readNote('alias.md').path, 'real/note.md');
  assert.equal(root.readNote('dir-alias/note.md').text, 'one');
  await root.writeNote('alias.md', 'two');
  assert.equal(readFileSync(join(directory, 'real/note.md'), 'utf8'), 'two');
  await root.deleteNote('alias.md');
  assert.deepEqual(readdirSync(directory).sort(), ['dir-alias', 'real']);
  assert.equal(root.readNote('real/note.md').text, 'two');
});

test('a name with two hard links is never written', async () => {
  await using opened = openTestRoot();
  const { base, directory, root } = opened;
  writeFileSync(join(base, 'canary.md'), CANARY);
  linkSync(join(base, 'canary.md'), join(directory, 'hard.md'));
  await assert.rejects(root.writeNote('hard.md', 'x'), { code: 'PATH_REFUSED' });
  await assert.rejects(root.replaceInNote('hard.md', '', 'x'), { code: 'PATH_REFUSED' });
  assert.equal(readFileSync(join(base, 'canary.md'), 'utf8'), CANARY);
});
