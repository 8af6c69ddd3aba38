// The table that says which test shows which requirement names tests that exist.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { projectRoot } from '../helpers/source-files.ts';

test('every test named in SECURITY-ASVS.md exists, and every requirement names one', () => {
  const rows = readFileSync(join(projectRoot, 'SECURITY-ASVS.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| V'));
  assert.ok(rows.length >= 20, 'the table was read');
  for (const row of rows) {
    const files = [...row.matchAll(/`(test\/[^`]+)`/g)].map((match) => match[1] ?? '');
    assert.ok(files.length > 0, `no test: ${row}`);
    for (const file of files) assert.ok(existsSync(join(projectRoot, file)), `${file} is not there`);
  }
});
