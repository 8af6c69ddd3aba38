// A cache directory after a crash.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { sweepLeftovers } from '../../../src/sandbox/sweep-leftovers.ts';

test('what a killed daemon left goes once it is old; what is in use or no one knows stays', () => {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-sweep-'));
  try {
    const nowMs = Date.now();
    const old = ['canary-0a1b.txt', 'sandbox-key-hash.snapshot.12.tmp', 'sandbox-key-hash.snapshot', 'notes.txt'];
    for (const name of [...old, 'canary-ff.txt']) writeFileSync(join(directory, name), '');
    for (const name of old) utimesSync(join(directory, name), nowMs / 1000 - 700, nowMs / 1000 - 700);
    sweepLeftovers(directory, nowMs);
    assert.deepEqual(readdirSync(directory).toSorted(), ['canary-ff.txt', 'notes.txt', 'sandbox-key-hash.snapshot']);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
