// Durations as people write them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration } from '../../../src/lib/duration.ts';

test('reads numbers with units, alone and together', () => {
  const expected: [string, number][] = [
    ['90d', 7_776_000_000],
    ['12h', 43_200_000],
    ['1h30m', 5_400_000],
    ['500ms', 500],
    [' 2W ', 1_209_600_000],
    ['1m1ms', 60_001],
  ];
  for (const [text, ms] of expected) assert.equal(parseDuration(text), ms, text);
});

test('refuses what is not a duration, with an example', () => {
  for (const text of ['', '90', 'd', '-1d', '1.5h', '1 d', '0d', '999999999999d', '1y', '90d!', '1d\n2']) {
    assert.throws(() => parseDuration(text), { code: 'INVALID_INPUT', hint: /90d/ }, text);
  }
});
