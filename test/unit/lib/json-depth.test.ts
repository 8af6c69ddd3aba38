// The depth of JSON without parsing it: brackets in strings do not count, neither do those that are closed again.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeeperThan } from '../../../src/lib/json-depth.ts';

test('counts what is open at once, outside of strings', () => {
  const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  for (const [text, levels, isDeeper] of [
    [nested(5), 5, false],
    [nested(6), 5, true],
    ['{"a":'.repeat(6), 5, true],
    ['[],'.repeat(100), 5, false],
    [JSON.stringify({ text: '['.repeat(100), quoted: '\\"[[[[[[[[' }), 5, false],
    [String.raw`["\\",[[[[[[`, 5, true],
    [String.raw`"\"[[[[[[[[`, 5, false],
    ['', 0, false],
  ] as const) {
    assert.equal(isDeeperThan(text, levels), isDeeper, `${text.slice(0, 40)} ${levels}`);
  }
});
