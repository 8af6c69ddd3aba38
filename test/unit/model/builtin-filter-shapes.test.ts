// What a filter withholds by its shape is seen in texts of any length, in time by that length.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFilter } from '../../../src/model/builtin/filter-rules.ts';
import { parseErrorBody } from '../../../src/model/chat-chunk.ts';

const SIZE = 900_000;
const emails = readFilter('Never reveal email addresses.');
const prices = readFilter('Never reveal prices.');

test('addresses and amounts are seen by their shape', () => {
  for (const text of ['a@b.co', 'write to żółw.x+1@mail.example.org now']) assert.equal(emails.shows(text), true, text);
  for (const text of ['a@b', '@b.co', 'a @b.co']) assert.equal(emails.shows(text), false, text);
  for (const text of ['€ 5', '1.200,50 EUR', 'a1.5 EUR', '500k', `${'0'.repeat(40)} EUR`, '3€'])
    assert.equal(prices.shows(text), true, text);
  for (const text of ['EUR 5', 'a1 EUR', '5 kg', '500 keys', '5  EUR']) assert.equal(prices.shows(text), false, text);
});

test('a text without end and without an address', { timeout: 20_000 }, () => {
  assert.equal(emails.shows('a'.repeat(SIZE)), false);
});

test('a number without end and without a unit', { timeout: 20_000 }, () => {
  assert.equal(prices.shows(`${'1.'.repeat(SIZE / 2)}x`), false);
});

test('an error page of open brackets', { timeout: 20_000 }, () => {
  assert.equal(parseErrorBody('<p>no  room</p> <'.trim()).message, 'no room <');
  assert.equal(parseErrorBody('<'.repeat(SIZE)).message.length, SIZE);
});
