// Two directories under one root name: each has an index of its own while both are open; what is left over goes at the next start.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

test('indexes of two directories do not mix, and the left one is dropped at the next start', async () => {
  using home = tempDirectory();
  using store = openIndexStore({ directory: home.path, schema: INDEX_SCHEMA });
  const open = (name: string, isBesideOther: boolean): MemoryRoot => {
    const directory = join(home.path, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `${name}.md`), `# ${name}\n\nAbout whales.\n`);
    const root = openMemoryRoot({ name: 'default', directory, indexDatabase: store.db, isBesideOther });
    root.start();
    return root;
  };
  {
    await using one = open('one', false);
    await untilIndexed(one);
    await using two = open('two', true);
    await untilIndexed(two);
    await one.writeNote('later.md', '# Later\n\nMore whales.\n');
    const found = async (root: MemoryRoot): Promise<string[]> =>
      (await root.search('whales', 10)).map(({ path }) => path).toSorted();
    assert.deepEqual([await found(one), one.status().index], [['later.md', 'one.md'], 'ready']);
    assert.deepEqual([await found(two), two.status().index], [['two.md'], 'ready']);
  }
  const directories = store.db.prepare<[], string>('SELECT directory FROM memory_roots').pluck();
  assert.equal(directories.all().length, 2);
  await using two = open('two', false);
  await untilIndexed(two);
  assert.equal(directories.all().length, 1);
});

async function untilIndexed(root: MemoryRoot): Promise<void> {
  const deadline = performance.now() + 5000;
  while (root.status().index !== 'ready') {
    assert.ok(performance.now() < deadline, root.status().reason);
    await sleep(10);
  }
}
