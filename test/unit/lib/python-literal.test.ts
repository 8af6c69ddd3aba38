// Python literals as data: what CPython prints is read back, everything else is refused.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePythonLiteral, parsePythonPrefix } from '../../../src/lib/python-literal.ts';
import { pythonRepr } from '../../../src/lib/python-repr.ts';

const plain = (text: string): unknown => JSON.parse(JSON.stringify(parsePythonLiteral(text)));

test('what CPython prints', () => {
  assert.deepEqual(plain(`{'a': 'x\\n\\'y\\'', "b": [1, -2.5, 1e3, True, False, None], 'c': ()}`), {
    a: "x\n'y'",
    b: [1, -2.5, 1000, true, false, null],
    c: [],
  });
  assert.deepEqual(plain(`({'t': ('a',)}, 3)`), [{ t: ['a'] }, 3]);
  assert.deepEqual(plain(`(1)`), 1);
  assert.deepEqual(plain(`{1, 2}`), [1, 2]);
  assert.equal(parsePythonLiteral(String.raw`'\xe9\u20ac\U0001f600\x00\q'`), 'é€😀\0\\q');
  assert.equal(parsePythonLiteral('12345678901234567890'), 12345678901234567890n);
  assert.deepEqual(plain('{(12345678901234567890,): 1, 2: 3}'), { '["12345678901234567890"]': 1, 2: 3 });
});

test('everything else is refused', () => {
  const bad = [
    '',
    'x',
    'print(1)',
    '{',
    "{'a'",
    "{'a': }",
    "'abc",
    "'a' 'b'",
    '[1 2]',
    '__import__("os")',
    '1 + 1',
    "'\\ud8",
    '['.repeat(500),
  ];
  for (const text of bad) assert.throws(() => parsePythonLiteral(text), { code: 'INVALID_INPUT' }, text);
});

test('`__proto__` is a key like any other', () => {
  const value = parsePythonLiteral(`{'__proto__': {'polluted': True}}`);
  assert.deepEqual(Object.keys(value as object), ['__proto__']);
  assert.equal(Reflect.get({}, 'polluted'), undefined);
});

test('a literal that is cut off gives what came before', () => {
  const { value, complete } = parsePythonPrefix(`{'a': 1, 'b': 'half of`, 0);
  assert.equal(complete, false);
  assert.deepEqual({ ...(value as object) }, { a: 1, b: 'half of' });
});

test('reads back every repr', () => {
  const tree = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.string({ unit: 'grapheme' }),
      fc.integer(),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('any'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('any'), { maxKeys: 4 }),
    ),
  })).any;
  fc.assert(
    fc.property(tree, (value) =>
      assert.equal(JSON.stringify(parsePythonLiteral(pythonRepr(value))), JSON.stringify(value)),
    ),
    { numRuns: 300 },
  );
});
