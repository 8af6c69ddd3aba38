// Links as people and models write them find the note they mean, with and without a complete index.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestRoot, startAndIndex } from './open-test-root.ts';

const NOTES = {
  'user.md': '# User',
  'entities/ada lovelace.md': '# Ada Lovelace',
  'entities/people/grace.md': '# Grace Hopper',
  'work/projects.md': '# Work projects',
  'home/projects.md': '# Home projects',
  'entities/René.md': '# René',
  'table.csv': 'a,b',
};

const CASES: [link: string, from: string | undefined, expected: string | null][] = [
  ['[[user]]', undefined, 'user.md'],
  ['[[user.md]]', undefined, 'user.md'],
  ['user', undefined, 'user.md'],
  ['[[entities/ada lovelace|Ada]]', undefined, 'entities/ada lovelace.md'],
  ['[[entities/ada lovelace.md\\|Ada]]', undefined, 'entities/ada lovelace.md'],
  ['[[entities/ada lovelace#Birth|Ada]]', undefined, 'entities/ada lovelace.md'],
  ['![[entities/ada lovelace#^block]]', undefined, 'entities/ada lovelace.md'],
  ['[Ada](entities/ada%20lovelace.md)', undefined, 'entities/ada lovelace.md'],
  ['[[../user]]', 'entities/ada lovelace.md', 'user.md'],
  ['[[../user.md]]', undefined, 'user.md'],
  ['[[../ada lovelace]]', 'entities/people/grace.md', 'entities/ada lovelace.md'],
  ['[[./people/grace]]', 'entities/ada lovelace.md', 'entities/people/grace.md'],
  ['[[people/grace]]', 'entities/ada lovelace.md', 'entities/people/grace.md'],
  ['[[Ada Lovelace]]', undefined, 'entities/ada lovelace.md'],
  ['[[ADA LOVELACE]]', undefined, 'entities/ada lovelace.md'],
  ['[[Grace Hopper]]', undefined, 'entities/people/grace.md'],
  ['[[rene]]', undefined, 'entities/René.md'],
  ['[[Rene\u0301]]', undefined, 'entities/René.md'],
  ['[[projects]]', 'work/other.md', 'work/projects.md'],
  ['[[home/projects]]', 'work/other.md', 'home/projects.md'],
  ['[[Home projects]]', undefined, 'home/projects.md'],
  ['[[#Heading]]', 'user.md', 'user.md'],
  ['[[table.csv]]', undefined, 'table.csv'],
  ['[[nobody]]', undefined, null],
  ['[[]]', undefined, null],
  ['', undefined, null],
  ['[[entities]]', undefined, null],
  ['https://example.org/user.md', undefined, null],
  ['[[../../etc/passwd]]', 'entities/people/grace.md', null],
  ['[[/etc/passwd]]', undefined, null],
  ['[[%ZZ]]', undefined, null],
];

for (const isIndexed of [false, true]) {
  test(`links, ${isIndexed ? 'with' : 'without'} the index`, async () => {
    await using opened = openTestRoot({ notes: NOTES });
    if (isIndexed) await startAndIndex(opened.root);
    for (const [link, from, expected] of CASES) {
      assert.equal(await opened.root.resolveLink(link, from), expected, `${link} from ${from}`);
    }
  });
}
