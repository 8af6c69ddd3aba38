// Configuration flags are told apart from a command's own words, whatever their order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommandLine } from '../../../src/cli/command-line.ts';

test('flags with a dot go to the configuration, the rest keeps its order', () => {
  const line = parseCommandLine([
    'keys',
    '--http.listen',
    '127.0.0.1:0',
    'create',
    '--name',
    'a.b',
    '--json',
    '--state.dir=/tmp/a=b',
    '--log.level',
    'debug',
  ]);
  assert.deepEqual(line.rest, ['keys', 'create', '--name', 'a.b', '--json']);
  assert.deepEqual(line.configFlags, { 'http.listen': '127.0.0.1:0', 'state.dir': '/tmp/a=b', 'log.level': 'debug' });
  assert.deepEqual(line.configArguments, ['--http.listen=127.0.0.1:0', '--state.dir=/tmp/a=b', '--log.level=debug']);
});

test('a bool stands alone, a list may be repeated, the last of several wins elsewhere', () => {
  assert.deepEqual(parseCommandLine(['serve', '--http.legacy-sessions', 'x']), {
    configFlags: { 'http.legacy-sessions': true },
    configArguments: ['--http.legacy-sessions'],
    rest: ['serve', 'x'],
  });
  assert.deepEqual(parseCommandLine(['--http.legacy-sessions', 'false', 'serve']).configFlags, {
    'http.legacy-sessions': 'false',
  });
  assert.deepEqual(parseCommandLine(['--http.allowed-hosts', 'a', '--http.allowed-hosts=b']).configFlags, {
    'http.allowed-hosts': ['a', 'b'],
  });
});

test('a flag that lacks its value and an unknown one reach the loader, which says what is wrong', () => {
  assert.deepEqual(parseCommandLine(['--state.dir', '--json']), {
    configFlags: { 'state.dir': true },
    configArguments: ['--state.dir'],
    rest: ['--json'],
  });
  assert.deepEqual(parseCommandLine(['--htp.listen', 'x']).configFlags, { 'htp.listen': 'x' });
});

test('after -- nothing is a flag', () => {
  assert.deepEqual(parseCommandLine(['ask', '--', '--a.b c']), {
    configFlags: {},
    configArguments: [],
    rest: ['ask', '--', '--a.b c'],
  });
});
