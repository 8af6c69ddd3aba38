// pythonRepr prints what CPython prints.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pythonRepr } from '../../../src/lib/python-repr.ts';

test('prints values as CPython does', () => {
  const cases: [unknown, string][] = [
    [null, 'None'],
    [true, 'True'],
    [false, 'False'],
    [3, '3'],
    [-0, '-0.0'],
    [1.5, '1.5'],
    [0.00001, '1e-05'],
    [0.00012, '0.00012'],
    [1.25e-7, '1.25e-07'],
    [Number.NaN, 'nan'],
    [-Infinity, '-inf'],
    ['plain', "'plain'"],
    ["it's", `"it's"`],
    [`it's "so"`, `'it\\'s "so"'`],
    ['a\nb\tc\\d\r', "'a\\nb\\tc\\\\d\\r'"],
    ['\u0000\u007f\u00a0\u00ad', "'\\x00\\x7f\\xa0\\xad'"],
    ['é 漢 😀', "'é 漢 😀'"],
    ['\u200b\u2028\ufeff', "'\\u200b\\u2028\\ufeff'"],
    ['\ud800', "'\\ud800'"],
    ['\u{e0001}', "'\\U000e0001'"],
    [[1, ['a']], "[1, ['a']]"],
    [{ a: { b: null }, "k'": [] }, `{'a': {'b': None}, "k'": []}`],
  ];
  for (const [value, expected] of cases) assert.equal(pythonRepr(value), expected);
});
