// Every command that a message, a hint or a document tells somebody to run is there.
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/program.ts';
import { projectRoot } from '../helpers/source-files.ts';

const NAMED = /["`“]mem-agent ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?/g;
/** What is said of mem-agent, at the beginning of a text. */
const VERBS = new Set(['is', 'does', 'gave']);
const PLACES = ['*.md', 'src/**/*.{ts,mjs,md}', 'deploy/**/*.{md,ts,sh}', 'nginx/*.md', 'systemd/*.md'];

/** What is wrong with it; undefined if there is such a command. */
function faultOf(program: Command, name: string, word: string | undefined): string | undefined {
  const command = program.commands.find((known) => known.name() === name);
  if (command === undefined) return `there is no mem-agent ${name}`;
  if (word === undefined || command.commands.length === 0 || command.registeredArguments.length > 0) return undefined;
  const isThere = command.commands.some((known) => known.name() === word);
  return isThere ? undefined : `there is no mem-agent ${name} ${word}`;
}

test('every command that is named is there', () => {
  const program = buildProgram(() => Promise.resolve());
  const faults: string[] = [];
  let named = 0;
  for (const file of PLACES.flatMap((pattern) => globSync(pattern, { cwd: projectRoot }))) {
    for (const [, name = '', word] of readFileSync(join(projectRoot, file), 'utf8').matchAll(NAMED)) {
      if (VERBS.has(name)) continue;
      named += 1;
      const fault = faultOf(program, name, word);
      if (fault !== undefined) faults.push(`${file}: ${fault}`);
    }
  }
  assert.deepEqual(faults, []);
  assert.ok(named > 60, `${named} found`);
  assert.equal(faultOf(program, 'doctor', undefined), 'there is no mem-agent doctor', 'the control');
  assert.equal(faultOf(program, 'keys', 'burn'), 'there is no mem-agent keys burn');
});
