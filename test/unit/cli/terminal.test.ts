// What a client made up, in a path, a note or an error, reaches the operator's terminal as text and no more.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTerminal, formatTable } from '../../../src/cli/terminal.ts';
import { AppError } from '../../../src/lib/app-error.ts';

const EVIL = 'a\u001b]0;owned\u0007\u001b[2J\u009b2J\r\nforged line\u202e\u2066z';

test('a cell of a table is one line of harmless text', () => {
  const table = formatTable(['PATH', 'OK'], [[EVIL, 'yes']]);
  assert.equal(table.split('\n').length, 2);
  assert.equal(table.split('\n')[1], 'a\ufffd]0;owned\ufffd\ufffd[2J\ufffd2J\ufffd\ufffdforged line\ufffd\ufffdz  yes');
});

test('text for people keeps its lines and nothing that a terminal obeys; JSON says what is', () => {
  let [out, errors] = ['', ''];
  const options = { debug: false, stdout: (text: string) => (out += text), stderr: (text: string) => (errors += text) };
  const terminal = createTerminal({ ...options, json: false });
  terminal.show({}, () => `# Note\r\n\tindented 👨‍👩‍👧 naïve ${EVIL}`);
  assert.equal(out, '# Note\n\tindented 👨‍👩‍👧 naïve a\ufffd]0;owned\ufffd\ufffd[2J\ufffd2J\nforged line\ufffd\ufffdz\n');
  terminal.fail(new AppError('NOT_FOUND', `There is no key ${EVIL}`));
  terminal.note(EVIL);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(errors, /[\u001b\u0007\u009b\u202e]/);
  assert.equal(errors.split('\n').length, 4, 'an error is one line');
  out = '';
  createTerminal({ ...options, json: true }).show({ path: EVIL }, () => '');
  assert.deepEqual(JSON.parse(out), { path: EVIL });
});
