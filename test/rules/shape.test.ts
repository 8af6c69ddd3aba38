// The shape of the code: sizes, names, exports, headers, and the map that must match the folders.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { projectRoot, readSourceFiles } from '../helpers/source-files.ts';

const sources = readSourceFiles('src');
const FORBIDDEN_NAMES = /^(utils?|common|helpers?|manager|types|misc|index)\.(ts|mjs)$/;
/** Tables and migrations read from top to bottom and may be long. */
const isTable = (path: string): boolean => /(migrations\/|schema\.ts$|predicates[^/]*\.ts$|table\.ts$)/.test(path);

test('file sizes: median 120, nine in ten 300, none over 400 but tables', () => {
  const sizes = sources.map((file) => file.lines).toSorted((a, b) => a - b);
  const at = (share: number): number => sizes[Math.floor((sizes.length - 1) * share)] ?? 0;
  assert.ok(at(0.5) <= 120, `median is ${at(0.5)}`);
  assert.ok(at(0.9) <= 300, `90 % is ${at(0.9)}`);
  const long = sources
    .filter((file) => file.lines > 400 && !isTable(file.path))
    .map((file) => `${file.path}: ${file.lines}`);
  assert.deepEqual(long, []);
});

test('kebab-case names that say what is inside', () => {
  const bad = sources
    .filter(
      (file) =>
        FORBIDDEN_NAMES.test(basename(file.path)) ||
        !/^(\d{4}-)?[a-z0-9]+(-[a-z0-9]+)*\.(d\.)?(ts|mts|mjs)$/.test(basename(file.path)),
    )
    .map((file) => file.path);
  assert.deepEqual(bad, []);
});

test('every file starts with a header that says what it is for', () => {
  const bad = sources.filter((file) => !/^(#!.*\n)?\/\/ \S/.test(file.text)).map((file) => file.path);
  assert.deepEqual(bad, []);
});

test('named exports only, nothing unfinished, nothing silenced', () => {
  const bad: string[] = [];
  for (const file of [...sources, ...readSourceFiles('test')]) {
    if (file.path.startsWith('test/rules/')) continue;
    for (const pattern of [
      /^export default/m,
      /\b(TODO|FIXME|XXX)\b/,
      /@ts-(ignore|nocheck|expect-error)/,
      /\bas any\b/,
      /\.(skip|todo)\(/,
    ]) {
      if (pattern.test(file.text)) bad.push(`${file.path}: ${pattern.source}`);
    }
  }
  assert.deepEqual(bad, []);
});

test('src/README.md names every folder, and no folder that is not there', () => {
  const map = readFileSync(join(projectRoot, 'src/README.md'), 'utf8');
  const folders = readdirSync(join(projectRoot, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  const named = [...map.matchAll(/^\|\s*\d\s*\|\s*`([a-z]+)\/`/gm)].map((match) => match[1]);
  assert.deepEqual(
    named.toSorted((a, b) => String(a).localeCompare(String(b))),
    folders.toSorted((a, b) => a.localeCompare(b)),
  );
});
