// The entries of memory.roots: what they may say, what is said when they don't, and directories that meet.
import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseRootEntries, rootsProblem } from '../../../src/config/root-entry.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { checkDirectories } from '../../../src/config/directory-checks.ts';

test('a name and a path are enough; pairs say the rest, quotes hold a space', () => {
  const entries = ['name=work path=/srv/work', 'name=team readonly=true path="/srv/My Notes" max_bytes=1000000'];
  assert.equal(rootsProblem(entries), undefined);
  assert.deepEqual(parseRootEntries(entries), [
    { name: 'work', path: '/srv/work', maxRootBytes: null, maxFileBytes: null, isReadOnly: false },
    { name: 'team', path: '/srv/My Notes', maxRootBytes: 1_000_000, maxFileBytes: null, isReadOnly: true },
  ]);
});

test('what is wrong is named', () => {
  const problem = (...entries: string[]): string => rootsProblem(entries) ?? '';
  assert.match(problem('/srv/work'), /entry 1: write pairs like/);
  assert.match(problem('name=work'), /entry 1 needs a name and a path/);
  assert.match(problem('name=work path=srv'), /path must be an absolute path/);
  assert.match(problem('name=Work path=/srv'), /name must be at most 32 lower-case/);
  assert.match(problem('name=a path=/a read_only=true'), /there is no read_only; known are name, path/);
  assert.match(problem('name=a path=/a max_bytes=lots'), /max_bytes must be a number of bytes/);
  assert.match(problem('name=a path=/a', 'name=a path=/b'), /entry 2: the name a is taken/);
  assert.match(problem('name=default path=/a'), /the name default is taken/);
});

test('two roots that are one directory, or lie inside one another, are an error; links are followed', () => {
  using home = tempDirectory();
  const at = (...parts: string[]): string => join(home.path, ...parts);
  mkdirSync(at('notes', 'inner'), { recursive: true });
  mkdirSync(at('other'));
  symlinkSync(at('notes'), at('alias'));
  const problems = (...roots: string[]): string[] =>
    checkDirectories(
      new Map<string, string | string[]>([
        ['memory.dir', at('notes')],
        ['state.dir', at('state')],
        ['runtime.dir', at('state', 'run')],
        ['memory.roots', roots],
      ]),
    ).map(({ message }) => message);
  assert.deepEqual(problems(`name=a path=${at('other')}`, `name=b path=${at('new')}`), []);
  assert.match(problems(`name=a path=${at('notes')}`)[0] ?? '', /are one directory/);
  assert.match(problems(`name=a path=${at('alias')}`)[0] ?? '', /are one directory/);
  assert.match(problems(`name=a path=${at('alias', 'inner')}`)[0] ?? '', /lie inside one another/);
  assert.match(problems(`name=a path=${at('alias', 'not-yet', 'there')}`)[0] ?? '', /lie inside one another/);
  assert.match(problems(`name=a path=${home.path}`).join('\n'), /lie inside one another/);
  assert.match(problems(`name=a path=${at('other')}`, `name=b path=${at('other', 'x')}`)[0] ?? '', /root b .* root a/);
  assert.match(problems(`name=a path=${at('state', 'trash')}`)[0] ?? '', /root a: the daemon keeps its own trash/);
});
