// A scoped view of a root: what may not be read is not there, what may not be written is refused, however the path is spelt.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { createPathScope } from '../../../src/memory/path-scope.ts';
import { openTestRoot, startAndIndex } from './open-test-root.ts';

const NOTES = {
  'user.md': '# Kim\n\nwhales\n',
  'projects/ark.md': '# Ark\n\nwhales and [[vault]] and [[projects/dove]]\n',
  'projects/dove.md': '# Dove\n\nwhales\n',
  'projects-old/raft.md': '# Raft\n\nwhales CANARY\n',
  'secret/vault.md': '# Vault\n\nwhales whales CANARY\n',
};

const gone = { code: 'NOT_FOUND' };
const denied = { code: 'PERMISSION_DENIED' };

test('reads: only what the paths name is there, in every kind of look', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  await startAndIndex(opened.root);
  const root = opened.root.scopedTo({ readPaths: ['projects/'] });
  assert.equal(root.readNote('projects/ark.md').path, 'projects/ark.md');
  for (const path of ['user.md', 'secret/vault.md', 'projects-old/raft.md', 'projects/../secret/vault.md']) {
    assert.throws(() => root.readNote(path), gone);
    assert.throws(() => root.readBytes(path), gone);
    assert.throws(() => root.sizeBytes(path), gone);
    assert.equal(root.stat(path), null);
  }
  assert.throws(() => root.listDirectory('secret'), gone);
  assert.deepEqual(root.listDirectory(''), [{ name: 'projects', kind: 'directory' }]);
  assert.deepEqual(
    root.listNotes().map(({ path }) => path),
    ['projects/ark.md', 'projects/dove.md'],
  );
  assert.equal(root.tree(), './\n└── projects/\n    ├── ark.md\n    └── dove.md');
  const size = NOTES['projects/ark.md'].length + NOTES['projects/dove.md'].length;
  assert.equal(root.sizeBytes(''), size);
  const { notes, sizeBytes, indexedNotes } = root.status();
  assert.deepEqual([notes, sizeBytes, indexedNotes], [2, size, 2]);
  assert.deepEqual(root.stat(''), { kind: 'directory', sizeBytes: 0, modifiedAtMs: 0 });
  const found = (await root.search('whales', 10)).map(({ path }) => path).toSorted();
  assert.deepEqual(found, ['projects/ark.md', 'projects/dove.md']);
  assert.deepEqual(await root.search('CANARY', 10), []);
  assert.equal(await root.resolveLink('[[vault]]'), null);
  assert.equal(await root.resolveLink('[[Vault]]', 'projects/ark.md'), null);
  assert.equal(await root.resolveLink('[[../secret/vault]]', 'projects/ark.md'), null);
  assert.equal(await root.resolveLink('[[dove]]'), 'projects/dove.md');
});

test('one note: its folders show it and nothing else', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const root = opened.root.scopedTo({ readPaths: ['secret/vault.md', 'user.md'] });
  assert.equal(root.tree(), './\n├── secret/\n│   └── vault.md\n└── user.md');
  opened.plant('secret/more.md', 'x');
  assert.deepEqual(root.listDirectory('secret'), [{ name: 'vault.md', kind: 'file' }]);
  assert.deepEqual(root.stat('secret'), { kind: 'directory', sizeBytes: 0, modifiedAtMs: 0 });
  const file = opened.root.scopedTo({ readPaths: ['user.md/inner.md'] });
  assert.throws(() => file.readNote('user.md'), gone, 'a file where a folder was meant');
  assert.deepEqual(file.listDirectory(''), []);
});

test('writes: both lists must allow it; nothing is told of what is there', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const before = JSON.stringify(opened.root.listNotes());
  const root = opened.root.scopedTo({ readPaths: ['projects/', 'user.md'], writePaths: ['projects/', 'secret/'] });
  for (const path of ['user.md', 'secret/vault.md', 'secret/new.md', 'projects-old/x.md', 'projects/../x.md', 'x.md']) {
    await refusesEveryWrite(root, path);
  }
  await assert.rejects(root.rename('projects/ark.md', 'secret/ark.md'), denied);
  await assert.rejects(root.rename('secret/vault.md', 'projects/vault.md'), denied);
  assert.equal(JSON.stringify(opened.root.listNotes()), before);
  await root.writeNote('projects/new/note.md', 'x', { expectedVersion: null });
  await root.replaceInNote('projects/ark.md', 'whales', 'doves');
  await root.rename('projects/ark.md', 'projects/boat.md');
  await root.deleteNote('projects/new/note.md');
  await root.removeDirectory('projects/new');
  const reader = opened.root.scopedTo({ writePaths: [] });
  assert.equal(reader.readNote('user.md').path, 'user.md');
  assert.deepEqual([reader.status().writable, reader.status().reason], [false, 'This key may only read']);
  await refusesEveryWrite(reader, 'user.md');
});

test('symbolic links: the stored path decides, for reads and writes', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const { directory } = opened;
  symlinkSync('../secret', join(directory, 'projects/door'));
  symlinkSync('../secret/vault.md', join(directory, 'projects/leak.md'));
  symlinkSync('projects', join(directory, 'alias'));
  symlinkSync('../nowhere.md', join(directory, 'secret/dangling.md'));
  mkdirSync(join(directory, 'secret/inner'));
  // Without a scope the very same paths lead there.
  assert.match(opened.root.readNote('projects/door/vault.md').text, /CANARY/);
  assert.match(opened.root.readNote('projects/leak.md').text, /CANARY/);
  const root = opened.root.scopedTo({ readPaths: ['projects/'], writePaths: ['projects/'] });
  for (const path of ['projects/door/vault.md', 'projects/leak.md', 'secret/dangling.md']) {
    assert.throws(() => root.readNote(path), gone);
    assert.equal(root.stat(path), null);
  }
  assert.doesNotMatch(root.tree(), /door|leak|alias|secret/);
  for (const path of ['projects/door/vault.md', 'projects/door/new.md', 'projects/leak.md', 'alias/ark.md']) {
    await refusesEveryWrite(root, path);
  }
  await assert.rejects(root.rename('projects/ark.md', 'projects/door/ark.md'), denied);
  assert.equal(readFileSync(join(directory, 'secret/vault.md'), 'utf8'), NOTES['secret/vault.md']);
});

test('Unicode forms are one name; letter case, dots and look-alikes open nothing', async () => {
  const composed = 'caf\u00e9';
  await using opened = openTestRoot({
    notes: { ...NOTES, [`${composed}/a.md`]: 'whales', 'cafe\u0301/b.md': 'whales' },
  });
  await startAndIndex(opened.root);
  for (const entry of [`${composed}/`, 'cafe\u0301/']) {
    const root = opened.root.scopedTo({ readPaths: [entry] });
    assert.deepEqual(
      root
        .listNotes()
        .map(({ path }) => path.normalize('NFC'))
        .toSorted(),
      [`${composed}/a.md`, `${composed}/b.md`],
    );
    assert.equal((await root.search('whales', 10)).length, 2);
  }
  const root = opened.root.scopedTo({ readPaths: ['projects/'] });
  for (const path of [
    'Secret/vault.md',
    'SECRET/VAULT.MD',
    './secret/vault.md',
    '/memory/secret/vault.md',
    'secret//vault.md',
  ]) {
    assert.throws(() => root.readNote(path), { code: /^(NOT_FOUND|PATH_REFUSED)$/ });
  }
});

test('an entry that is no path allows nothing; the root as a folder allows all', () => {
  assert.equal(createPathScope({}), null);
  for (const entry of ['.hidden/', '~x', 'a\\b/', '%2e%2e/']) {
    const scope = createPathScope({ readPaths: [entry] });
    assert.equal(scope?.mayRead('user.md'), false);
    assert.equal(scope?.mayWrite('user.md'), false);
  }
  assert.equal(createPathScope({ readPaths: ['./'] })?.mayRead('any/note.md'), true);
  assert.deepEqual(createPathScope({ readPaths: ['a/', 'a/b/', 'a/', 'a/x.md', 'c.md'] })?.readable, {
    folders: ['a'],
    notes: ['c.md'],
  });
});

test('an index of many notes answers as if the others were not in it', async () => {
  const notes: Record<string, string> = {};
  for (let at = 0; at < 700; at++) notes[`mine/n${at}.md`] = `# Mine ${at}\n\nwhales ${at === 650 ? 'narwhal' : ''}\n`;
  for (let at = 0; at < 900; at++) notes[`a-theirs/n${at}.md`] = `# Whales\n\nwhales whales narwhal ${at}\n`;
  await using opened = openTestRoot({ notes });
  await startAndIndex(opened.root);
  const root = opened.root.scopedTo({ readPaths: ['mine/'] });
  assert.equal(root.status().indexedNotes, 700);
  assert.equal((await root.search('whales', 20)).length, 20);
  assert.deepEqual(
    (await root.search('narwhal', 20)).map(({ path }) => path),
    ['mine/n650.md'],
  );
  assert.deepEqual(await root.search('narwh', 20).then((hits) => hits.map(({ path }) => path)), ['mine/n650.md']);
});

async function refusesEveryWrite(root: MemoryRoot, path: string): Promise<void> {
  await assert.rejects(root.writeNote(path, 'x'), denied, path);
  await assert.rejects(root.writeNote(path, 'x', { expectedVersion: null }), denied, path);
  await assert.rejects(root.replaceInNote(path, 'whales', 'x'), denied, path);
  await assert.rejects(root.deleteNote(path), denied, path);
  await assert.rejects(root.createDirectory(path), denied, path);
  await assert.rejects(root.removeDirectory(path), denied, path);
  await assert.rejects(root.rename(path, 'projects/moved.md'), denied, path);
}

test('who watches refusals hears whether a path leads out, by its words or by where its link leads', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  symlinkSync('../secret', join(opened.directory, 'projects/door'));
  symlinkSync('/etc', join(opened.directory, 'projects/etc'));
  const root = opened.root.scopedTo({ readPaths: ['projects/'], writePaths: ['projects/ark.md'] });
  for (const path of [
    'user.md',
    'nothing.md',
    '../x',
    '/etc/passwd',
    'projects/door/vault.md',
    'projects/etc/passwd',
  ]) {
    assert.equal(root.leadsOut(path, 'read'), true, path);
    assert.equal(root.leadsOut(path, 'write'), true, path);
  }
  assert.equal(root.leadsOut('projects/dove.md', 'write'), true);
  for (const path of ['', 'projects', 'projects/ark.md', 'projects/nothing/x.md', 'projects/ark.md/x']) {
    assert.equal(root.leadsOut(path, 'read'), false, path);
  }
  assert.equal(root.leadsOut('projects/ark.md', 'write'), false);
  assert.equal(opened.root.leadsOut('secret/vault.md', 'write'), false);
  assert.equal(opened.root.leadsOut('../x', 'read'), true);
});
