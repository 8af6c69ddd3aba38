// Addresses to listen on, loopback, and the distance between names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assert as check, domain, integer, ipV4, ipV6, oneof, property } from 'fast-check';
import { formatListenAddress, isLoopback, parseListenAddress } from '../../../src/config/listen-address.ts';
import { editDistance, nearestName } from '../../../src/config/suggest-key.ts';

test('the three forms', () => {
  assert.deepEqual(parseListenAddress('127.0.0.1:8081'), { kind: 'tcp', host: '127.0.0.1', port: 8081 });
  assert.deepEqual(parseListenAddress('[::1]:0'), { kind: 'tcp', host: '::1', port: 0 });
  assert.deepEqual(parseListenAddress('my-host.lan:65535'), { kind: 'tcp', host: 'my-host.lan', port: 65_535 });
  assert.deepEqual(parseListenAddress('unix:/run/a b.sock'), { kind: 'unix', path: '/run/a b.sock' });
});

test('everything else is refused with the form to write', () => {
  for (const text of [
    '',
    '8081',
    ':8081',
    'host',
    'host:',
    'host:x',
    '::1:80',
    '[::1]',
    '[127.0.0.1]:80',
    '1.2.3:80',
    '1.2.3.999:80',
    'a b:80',
    'host:65536',
    'host:-1',
    'http://host:80',
    'unix:',
    `unix:/${'x'.repeat(200)}`,
    'unix:/a\0b',
  ]) {
    assert.throws(
      () => parseListenAddress(text),
      { code: 'CONFIG_INVALID', hint: /HOST:PORT, \[IPV6\]:PORT or unix:PATH/ },
      text,
    );
  }
});

test('the text form parses back to the same address', () => {
  const host = oneof(
    ipV4(),
    ipV6().filter((text) => !text.includes('.')),
    domain(),
  );
  check(
    property(host, integer({ min: 0, max: 65_535 }), (name, port) => {
      const address = { kind: 'tcp', host: name, port } as const;
      assert.deepEqual(parseListenAddress(formatListenAddress(address)), address);
    }),
  );
});

test('loopback is what only this machine reaches', () => {
  for (const text of [
    '127.0.0.1:1',
    '127.8.8.8:1',
    '[::1]:1',
    '[::ffff:127.0.0.1]:1',
    'localhost:1',
    'LOCALHOST:1',
    'a.localhost:1',
    'unix:/x',
  ]) {
    assert.equal(isLoopback(parseListenAddress(text)), true, text);
  }
  for (const text of [
    '0.0.0.0:1',
    '[::]:1',
    '10.0.0.1:1',
    'example.com:1',
    'localhost.example.com:1',
    '[::ffff:10.0.0.1]:1',
  ]) {
    assert.equal(isLoopback(parseListenAddress(text)), false, text);
  }
});

test('edit distance counts inserts, deletes, replacements and swaps', () => {
  for (const [from, to, edits] of [
    ['', '', 0],
    ['abc', 'abc', 0],
    ['abc', 'ab', 1],
    ['ab', 'abc', 1],
    ['abc', 'axc', 1],
    ['abc', 'acb', 1],
    ['kitten', 'sitting', 3],
    ['', 'abc', 3],
  ] as const) {
    assert.equal(editDistance(from, to), edits, `${from} ${to}`);
  }
  assert.equal(nearestName('HTTP.Listen', ['ops.listen', 'http.listen']), 'http.listen');
});
