// A full disk under the notes: writes fail with a code, no note is half written or gone, reading goes on, and when there is
// space again writing works without a restart.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { directoryContent } from '../helpers/directory-content.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';
import { fillDisk, onSmallDisk } from '../helpers/tmpfs-daemon.ts';

const MIB = 1024 * 1024;

test('planted: notes written in place are damaged by a full disk, and it shows', { timeout: 60_000 }, async () => {
  using home = tempDirectory();
  const memoryDir = join(home.path, 'memory');
  mkdirSync(memoryDir);
  await using daemon = await startDaemon({
    memoryDir,
    flags: ['--sandbox.standby', '0'],
    wrap: onSmallDisk(memoryDir, 2 * MIB),
    plantedBug: 'notes are written in place',
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  const notes = daemon.inside(memoryDir);
  assert.ok((await callTool(target, 'create_file', { path: 'big.md', content: '# Big\n' })).ok);
  using _disk = fillDisk(notes);
  const full = directoryContent(notes);
  const update = { path: 'big.md', old_content: '# Big\n', new_content: `# Big\n${'new '.repeat(20_000)}` };
  assert.equal((await callTool(target, 'update_file', update)).ok, false);
  assert.notDeepEqual(directoryContent(notes), full);
});

test('a full disk under the notes loses nothing and is told', { timeout: 60_000 }, async () => {
  using home = tempDirectory();
  const memoryDir = join(home.path, 'memory');
  mkdirSync(memoryDir);
  await using daemon = await startDaemon({
    memoryDir,
    flags: ['--sandbox.standby', '0'],
    wrap: onSmallDisk(memoryDir, 2 * MIB),
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  const notes = daemon.inside(memoryDir);
  const before = `# Big\n\n${'old '.repeat(20_000)}\n`;
  const after = `# Big\n\n${'new '.repeat(20_000)}\n`;
  const update = { path: 'big.md', old_content: before, new_content: after };
  assert.ok((await callTool(target, 'create_file', { path: 'big.md', content: before })).ok);
  {
    using _disk = fillDisk(notes);
    const full = directoryContent(notes);
    for (const [tool, args] of [
      ['update_file', update],
      ['create_file', { path: 'other.md', content: after }],
      ['create_file', { path: 'deep/er/other.md', content: after }],
    ] as const) {
      const answer = await callTool(target, tool, args);
      assert.equal(answer.code, 'DISK_FULL', answer.text);
      assert.match(answer.text, /Free some disk space/);
    }
    assert.deepEqual(directoryContent(notes), full, 'a failed write left something behind');
    const fetched = await callTool(target, 'fetch', { id: 'big.md' });
    assert.equal(fetched.structured['text'], before);
    const found = await callTool(target, 'search', { query: 'old' });
    assert.ok(found.ok && JSON.stringify(found.structured).includes('big.md'), found.text);
  }
  assert.ok((await callTool(target, 'update_file', update)).ok, 'writing did not recover');
  assert.equal(readFileSync(join(notes, 'big.md'), 'utf8'), after);
  assert.deepEqual(
    readdirSync(notes).filter((name) => name.startsWith('.')),
    [],
  );
});
