// Text from outside never speaks the protocol, and never costs more than its length.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { neutraliseTags } from '../../../src/agent/neutralise-tags.ts';

test('tags in every spelling lose their bracket, other text stays', () => {
  assert.equal(
    neutraliseTags('<result> </ Reply> < / python> <|im|>'),
    '\\x3cresult> \\x3c/ Reply> \\x3c / python> \\x3c|im|>',
  );
  assert.equal(neutraliseTags('a < b, <b>, </ results>'), 'a < b, <b>, </ results>');
});

test('a bracket before a megabyte of spaces', { timeout: 20_000 }, () => {
  const text = `<${' '.repeat(900_000)}`;
  assert.equal(neutraliseTags(text), text);
});
