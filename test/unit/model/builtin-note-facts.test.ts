// Notes as facts: bullets, nesting, tables, headings, links; and no note may cost much more than its size.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNoteView } from '../../../src/model/builtin/note-facts.ts';
import { editLines } from '../../../src/model/builtin/note-edit.ts';
import { linkTargets, pathsToTry } from '../../../src/model/builtin/note-links.ts';
import { ruleHolds } from '../../../src/model/builtin/threshold-rules.ts';

const seen = (text: string): string[] =>
  readNoteView('a/b.md', text).facts.map(({ kind, key, value, context }) =>
    [kind, key, value, context.join('/')].join(' | '),
  );

test('bullets, nested bullets and sentences', () => {
  assert.deepEqual(
    seen('# T\n\n- **SLA:**\n  - SEV-1: 30 min\n- link: [[x/y.md#H|Alias]]\n- at 10:30 sharp\n\nOne. Two: three.\n'),
    [
      'pair | SLA | SEV-1: 30 min | ',
      'pair | SEV-1 | 30 min | SLA',
      'pair | link | Alias | ',
      'bullet |  | at 10:30 sharp | ',
      'sentence |  | One. | ',
      'sentence |  | Two: three. | ',
    ],
  );
});

test('a bar inside a link ends no cell', () => {
  assert.deepEqual(seen('| a | b |\n|---|:-:|\n| [[p.md|P]] | 2 \\| 3 |\n'), [
    'cell | a | P | 2 | 3',
    'cell | b | 2 | 3 | P',
  ]);
});

test('titles and sections', () => {
  const note = readNoteView('x.md', '# C# notes ##\n\n## One\n\n### Two\n\n- a: b\n');
  assert.equal(note.title, 'C# notes');
  assert.deepEqual(note.facts[0]?.section, ['One', 'Two']);
});

test('links never lead out of the root', () => {
  assert.deepEqual(linkTargets('[[../../../etc/passwd]] [[../c|C]] [x](../../y.md) [[k]]', 'a/b/n.md'), [
    'a/c.md',
    'k.md',
    'y.md',
  ]);
  assert.deepEqual(linkTargets('[x](../../../y.md) [w](https://x.example/y.md)', 'a/n.md'), []);
  assert.deepEqual(pathsToTry('k.md', 'a/n.md'), ['k.md', 'a/k.md', 'entities/k.md']);
});

test('rules with numbers', () => {
  const cases: [string, number, boolean | undefined][] = [
    ['above 15 %', 15, false],
    ['≥ 500k', 500_000, true],
    ['11–15 %', 12, true],
    ['$100k–$500k', 300_000, true],
    ['up to 10', 11, false],
    ['ARR below $100k', 80_000, true],
    ['no rule', 5, undefined],
  ];
  for (const [text, value, holds] of cases) assert.equal(ruleHolds(text, value), holds, text);
});

test('a note made to be slow is read like any other', { timeout: 8000 }, () => {
  for (const part of ['[', '| [[', '*a ', ': ', '[[a|', '# a   ', '**'])
    assert.ok(readNoteView('x.md', `${part.repeat(800)}|\n`.repeat(60)).lines.length > 0);
  assert.ok(readNoteView('x.md', '['.repeat(500_000)).facts.length > 100);
});

const SIZE = 900_000;
const filled = (line: string): string => `${line}\n`.repeat(Math.ceil(SIZE / (line.length + 1)));
const wide = (part: string): string => part.repeat(Math.floor(3900 / part.length));
const HOSTILE: Readonly<Record<string, string>> = {
  'links before a bar that ends no cell': `| a |\n|${'[[xx]]'.repeat(40)} \\|\n`,
  'a row of many cells': `| a |\n${filled(`|${wide('b c|')}`)}`,
  'spaces before a word': filled(`${wide(' ')}x`),
  'spaces before a rule': filled(`${wide(' ').slice(2000)}${wide('-').slice(2000)}x`),
  'links that never close': filled(wide('[](a.md#')),
  'long headings over short lines': `## ${wide('a ')}\n### ${wide('b ')}\n${filled('x')}`,
};

for (const [name, text] of Object.entries(HOSTILE)) {
  test(`read in time by its length: ${name}`, { timeout: 20_000 }, () => {
    assert.ok(readNoteView('x.md', text).facts.length <= 21_000);
  });
}

test('a sentence that says what one before it says has its own place', () => {
  const [first, second] = readNoteView('x.md', 'Red wine. Red').facts;
  assert.deepEqual([first?.valueStart, second?.valueStart], [0, 10]);
});

test('a link in parentheses counts beside one that is none', () => {
  assert.deepEqual(linkTargets('[a](b [c](d.md) [e](f.md#g h) [i](j.mdx)', 'n.md'), ['d.md', 'f.md']);
});

test('a line among many like it is changed with as few neighbours as tell it apart', { timeout: 20_000 }, () => {
  const few = editLines(readNoteView('x.md', 'a\nb\na\nc\n'), 2, 2, ['N']);
  assert.deepEqual([few?.oldText, few?.newText], ['b\na\nc\n', 'b\nN\nc\n']);
  const count = 60_000;
  const edit = editLines(readNoteView('x.md', '- a: b\n'.repeat(count)), count - 1, count - 1, ['- a: c']);
  assert.equal(edit?.newText.endsWith('- a: b\n- a: c\n'), true);
});
