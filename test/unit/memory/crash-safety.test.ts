// Power or process gone in the middle of a write, and a disk that is full: the note is the old one or the new one.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTestRoot } from './open-test-root.ts';

const writer = join(import.meta.dirname, 'write-forever.ts');

test('a writer killed 30 times leaves a complete version each time', async () => {
  await using opened = openTestRoot();
  const { base, directory } = opened;
  const seen = new Set<string>();
  const kills = async (lane: number): Promise<void> => {
    for (let kill = 0; kill < 15; kill++) {
      const child = spawn(process.execPath, [writer, directory, join(base, `state-${lane}`)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await sleep(kill * 1.7);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const text = readFileSync(join(directory, 'note.md'), 'utf8');
      const line = text.slice(0, 'round 0 '.length);
      assert.match(line, /^round \d $/);
      assert.equal(text, `${line.repeat(20_000)}end`);
      seen.add(line);
    }
  };
  await Promise.all([kills(0), kills(1)]);
  assert.ok(seen.size > 1, 'the kills came at different rounds');
  // Whatever the kills left behind is hidden.
  assert.deepEqual(
    opened.root.listDirectory('').map((entry) => entry.name),
    ['note.md'],
  );
});

test('a full disk is DISK_FULL, changes nothing and leaves nothing; a read-only one is refused', () => {
  // Needs a file system of its own: user and mount namespaces give one without rights. Where they are forbidden, the same
  // script runs on /dev/full's answer instead, so that the mapping at least is proven.
  const script = join(import.meta.dirname, 'fill-disk.ts');
  const mount = 'mount -t tmpfs -o size=256k tmpfs /mnt && exec "$0" "$1" /mnt';
  const unshared = spawnSync('unshare', ['-Urm', 'sh', '-c', mount, process.execPath, script], { encoding: 'utf8' });
  const canUnshare = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
  const result = canUnshare ? unshared : spawnSync(process.execPath, [script, ''], { encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  assert.deepEqual(
    JSON.parse(result.stdout),
    canUnshare
      ? {
          full: 'DISK_FULL',
          text: 'small',
          left: ['note.md'],
          readOnly: 'PERMISSION_DENIED',
          writable: false,
          again: 'small',
        }
      : { full: 'DISK_FULL' },
  );
});

test('no temp file stays after a refused write', async () => {
  await using opened = openTestRoot({ notes: { 'a.md': 'x' } });
  await assert.rejects(
    opened.root.replaceInNote('a.md', 'x', 'y', { beforeEffect: async () => void opened.plant('a.md', 'z') }),
  );
  assert.deepEqual(readdirSync(opened.directory), ['a.md']);
});
