// What a person mistypes: exit status 2 and a word of what would be right, before a daemon or the state is looked for.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { runMain, tempDirectory } from '../../helpers/run-main.ts';

for (const [words, says] of [
  [['usage', 'report', '--format', 'xml'], /table, csv/],
  [['audit', 'tail', '-n', 'x'], /from 1 to 1000/],
  [['audit', 'search', '-n', '0'], /from 1 to 100000/],
  [['worker', 'logs', '-n', '-1'], /from 0 to 10000/],
  [
    ['keys', 'create', '--name', 'a', '--limit', 'requestPerMinute=5'],
    /There is no limit requestPerMinute.*requestsPerMinute/,
  ],
] as const) {
  test(`mem-agent ${words.join(' ')} is wrong usage`, async () => {
    using home = tempDirectory();
    const state = join(home.path, 'state');
    const run = await runMain([...words, '--state.dir', state], { home: home.path });
    assert.equal(run.code, 2, run.stderr);
    assert.match(run.stderr, says);
    assert.equal(existsSync(state), false);
  });
}

test('an empty question is refused before a daemon is started, a search that finds nothing says so', async () => {
  using home = tempDirectory();
  const places = ['--state.dir', join(home.path, 'state'), '--runtime.dir', join(home.path, 'run')];
  const asked = await runMain(['ask', ' ', ...places], { home: home.path });
  assert.equal(asked.code, 1);
  assert.match(asked.stderr, /There is no question.*INVALID_INPUT/);
  assert.equal(existsSync(join(home.path, 'state')), false);
  const searched = await runMain(['audit', 'search', '--who', 'nobody', ...places], { home: home.path });
  assert.equal(searched.stdout, 'No record matches.\n');
});

test('the name of a memory root that is too long is told why', async () => {
  using home = tempDirectory();
  const roots = `name=${'a'.repeat(33)} path=/srv/notes`;
  const run = await runMain(['config', 'check', '--memory.roots', roots], { home: home.path });
  assert.equal(run.code, 78);
  assert.match(run.stderr, /at most 32/);
});
