// Values that have broken programs like ours: paths, cursors, times, queries, names of prototypes, text that is not quite text.
import fc from 'fast-check';

const cursor = (text: string): string => Buffer.from(text).toString('base64url');

const STRINGS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b.md',
  '../../etc/passwd',
  '/etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  'entities/../../user.md',
  '..\\..\\user.md',
  './user.md',
  'user.md',
  'user.md/',
  'entities',
  '~/user.md',
  'CON',
  '.git/config',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '\ud800',
  '\udfff tail',
  'e\u0301\u0302'.repeat(50),
  '\u202e\u200b\ufeff',
  '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
  'x\r\nSet-Cookie: a=b',
  "' OR 1=1 --",
  '"; DROP TABLE audit_records; --',
  '"',
  'a AND (',
  'NEAR(a b',
  '*',
  '^a -b :c {d}',
  '[[',
  '<script>alert(1)</script>',
  '{{7*7}}${7*7}#{7*7}',
  '$(id)`id`|id',
  '%s%n%x',
  'NaN',
  '-0',
  '1e309',
  '0x10',
  '9'.repeat(400),
  '999999999999w',
  '0d',
  '36600d',
  '1ms',
  '9999-99-99',
  '0000-01-01',
  '9999-12-31T23:59:60Z',
  '2026-02-30',
  '90d',
  'memory:///user.md',
  'memory:///%00',
  'memory:////etc/passwd',
  'memory:///%e0%a4%a',
  'memory://user:pw@host/user.md',
  'file:///etc/passwd',
  'http://[::1',
  cursor('v1 '),
  cursor('v1 000000000000001 k'),
  cursor('v2 x'),
  cursor('{"__proto__":1}'),
  cursor('[999999999999999999999]'),
  cursor('-1'),
  cursor('user.md'),
  'a'.repeat(70),
  'a'.repeat(1100),
  'a/'.repeat(300),
  'a'.repeat(20_000),
  'default',
  'admin:write',
  '10.0.0.0/8',
  '::/0',
];

const NUMBERS: readonly number[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  1e-320,
  2 ** 31,
  2 ** 31 - 1,
  2 ** 53,
  -(2 ** 53),
  2 ** 63,
  1e21,
  1e308,
  -1e308,
  86_400_000_000_001,
];

export const hostileString: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...STRINGS), weight: 5 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 60 }), weight: 2 },
  { arbitrary: fc.string({ unit: 'grapheme', maxLength: 60 }), weight: 1 },
  // Every UTF-16 unit, pairs or not.
  {
    arbitrary: fc
      .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 })
      .map((units) => String.fromCharCode(...units)),
    weight: 1,
  },
);

export const hostileNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(...NUMBERS),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);

/** Anything JSON can say, with the hostile values in it. */
export const hostileJson: fc.Arbitrary<unknown> = fc.oneof(
  { arbitrary: hostileString, weight: 4 },
  { arbitrary: hostileNumber, weight: 2 },
  { arbitrary: fc.constantFrom(null, true, false, [], {}, [[]], { a: {} }), weight: 2 },
  { arbitrary: fc.jsonValue({ maxDepth: 3 }), weight: 2 },
  { arbitrary: fc.array(hostileString, { maxLength: 4 }), weight: 1 },
  { arbitrary: fc.dictionary(hostileString, hostileNumber, { maxKeys: 4 }), weight: 1 },
  { arbitrary: fc.integer({ min: 1, max: 400 }).map(nested), weight: 1 },
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

/** Text that is nearly JSON, or JSON that no program would write. */
export function brokenJson(valid: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const place = fc.nat();
  return fc.oneof(
    fc.tuple(valid, place).map(([text, at]) => text.slice(0, at % (text.length + 1))),
    fc.tuple(valid, place, hostileString).map(([text, at, extra]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + extra + text.slice(cut);
    }),
    fc.tuple(valid, place).map(([text, at]) => {
      const cut = at % Math.max(1, text.length);
      return text.slice(0, cut) + text.slice(cut + 1);
    }),
    // Every key twice, the second one with another value.
    fc
      .tuple(valid, hostileJson)
      .map(([text, value]) => text.replace(/"(\w+)":/g, `"$1":${JSON.stringify(value)},"$1":`)),
    valid.map((text) => text.replace(/^\{/, '{"__proto__":{"scopes":["admin:write"],"isAdmin":true},')),
    valid.map((text) => text.replace(/^\{/, '{"constructor":{"prototype":{"polluted":true}},')),
    fc.integer({ min: 1, max: 60_000 }).map((depth) => '['.repeat(depth)),
    fc.integer({ min: 1, max: 60_000 }).map((depth) => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)),
    fc.tuple(valid, fc.integer({ min: 1, max: 5000 })).map(([text, digits]) => text.replace(/1/, '9'.repeat(digits))),
    hostileJson.map((value) => JSON.stringify(value) ?? ''),
    hostileString,
  );
}
