// Moments as people write them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseInstant } from '../../../src/lib/instant.ts';

const NOW = Date.UTC(2026, 10, 24, 12);

test('dates, times with and without a zone, and how long ago', () => {
  assert.equal(parseInstant('2026-11-24', NOW), Date.UTC(2026, 10, 24));
  assert.equal(parseInstant('2026-11-24T12:30', NOW), Date.UTC(2026, 10, 24, 12, 30));
  assert.equal(parseInstant('2026-11-24 12:30:01.5Z', NOW), Date.UTC(2026, 10, 24, 12, 30, 1, 500));
  assert.equal(parseInstant('2026-11-24T12:30+02:00', NOW), Date.UTC(2026, 10, 24, 10, 30));
  assert.equal(parseInstant('1h30m', NOW), NOW - 5_400_000);
});

test('anything else is refused', () => {
  for (const text of ['', 'yesterday', '2026-13-01', '2026', '24.11.2026', '-1d', '2026-11-24T99:00', '1e3'])
    assert.throws(() => parseInstant(text, NOW), { code: 'INVALID_INPUT' }, text);
});
