// Before the index is complete a search reads the files: the event loop turns meanwhile, and when time runs out the answer is
// what was seen, or an error that says so.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestRoot, startAndIndex } from './open-test-root.ts';

const NOTES: Record<string, string> = {};
for (let number = 0; number < 1500; number++)
  NOTES[`d${number % 10}/${number}.md`] = `# Note ${number}\n\n${'Some words about whales and ships. '.repeat(40)}\n`;
NOTES['zz/last.md'] = '# The last one\n\nOnly here: narwhal.\n';

/** What is done in one piece is seen done after one turn, or two; how many slices there are is a matter of the machine. */
const AT_ONCE = 2;

async function turnsDuring(work: Promise<unknown>): Promise<number> {
  const watch = { turns: 0, isDone: false };
  const done = work.finally(() => (watch.isDone = true));
  while (!watch.isDone) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    watch.turns += 1;
  }
  await done;
  return watch.turns;
}

test('the event loop turns while files are searched, and while a title is looked for', async () => {
  await using opened = openTestRoot({ notes: NOTES });
  const { root } = opened;
  const searched = root.search('narwhal', 5);
  assert.ok((await turnsDuring(searched)) > AT_ONCE);
  assert.deepEqual(
    (await searched).map(({ path }) => path),
    ['zz/last.md'],
  );
  const named = root.resolveLink('[[The last one]]');
  assert.ok((await turnsDuring(named)) > AT_ONCE);
  assert.equal(await named, 'zz/last.md');
  assert.equal(root.status().index, 'building');
});

test('when time runs out: what was found so far, or "not ready", never "nothing"', async () => {
  let nowMs = 0;
  // A millisecond a look: time for some of the notes, on any machine.
  const clock = { nowMs: () => Date.now(), monotonicMs: () => (nowMs += 1) };
  await using opened = openTestRoot({ notes: NOTES, scanLimitMs: 300, clock });
  const { root } = opened;
  assert.equal((await root.search('whales', 5)).length, 5);
  await assert.rejects(root.search('unicorn', 5), (error: { code?: string; retryAfterS?: number; hint?: string }) => {
    assert.deepEqual([error.code, error.retryAfterS], ['MEMORY_UNAVAILABLE', 5]);
    assert.match(String(error.hint), /Try again in 5 s/);
    return true;
  });
  await assert.rejects(root.resolveLink('[[No such title]]'), { code: 'MEMORY_UNAVAILABLE' });
  // A path needs no search.
  assert.equal(await root.resolveLink('[[zz/last]]'), 'zz/last.md');
  await startAndIndex(root);
  assert.equal((await root.search('narwhal', 5))[0]?.path, 'zz/last.md');
  assert.deepEqual(await root.search('unicorn', 5), []);
  assert.equal(await root.resolveLink('[[No such title]]'), null);
});
