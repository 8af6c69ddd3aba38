// The control of the fault tests: the checker they trust must see each kind of damage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLedger, EMPTY_LEDGER, END_MARKER, factLine, NO_FAULTS } from '../helpers/fact-ledger.ts';

const names = ['a-1', 'a-2', 'b-1'];
const lines = names.map((name) => factLine(name));
const sound = EMPTY_LEDGER.replace(END_MARKER, `${lines.join('\n')}\n${END_MARKER}`);
const asked = new Set([...names, 'b-2']);

test('a sound note has no faults, and an unacknowledged fact may be missing', () => {
  assert.deepEqual(checkLedger(sound, names, asked), NO_FAULTS);
});

test('a lost update is seen', () => {
  const damaged = sound.replace(`${lines[1]}\n`, '');
  assert.deepEqual(checkLedger(damaged, names, asked), { ...NO_FAULTS, lost: ['a-2'] });
});

test('a doubled, an invented and a half written fact are seen', () => {
  const damaged = sound
    .replace(END_MARKER, `${lines[0]}\n${factLine('z-9')}\n${END_MARKER}`)
    .replace(lines[2] ?? '', (lines[2] ?? '').slice(0, 40));
  const faults = checkLedger(damaged, names, asked);
  assert.deepEqual(faults.doubled, ['a-1']);
  assert.deepEqual(faults.invented, ['z-9']);
  assert.equal(faults.broken.length, 1);
  assert.deepEqual(faults.lost, ['b-1']);
});

test('a note that ends early is seen', () => {
  const faults = checkLedger(sound.slice(0, sound.length - 30), names, asked);
  assert.ok(faults.broken.includes('the end marker is missing'));
});
