// The corpus of Python blocks and what CPython made of them, with the comparison of one block.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface CorpusBlock {
  id: string;
  code: string;
  vault: Record<string, string>;
  expected: {
    error_type: string | null;
    vars: Record<string, unknown>;
    files: Record<string, string>;
    unstable: string[] | Record<string, string[]>;
  };
}

const FIXTURES = join(import.meta.dirname, '../fixtures/python-corpus');

export function readCorpus(): CorpusBlock[] {
  const expected = new Map(
    readLines('expected.jsonl').map((line) => {
      const entry = JSON.parse(line) as CorpusBlock['expected'] & { id: string };
      return [entry.id, entry] as const;
    }),
  );
  return readLines('blocks.jsonl').map((line) => {
    const block = JSON.parse(line) as Omit<CorpusBlock, 'expected'>;
    const outcome = expected.get(block.id);
    if (outcome === undefined) throw new Error(`no expectation for block ${block.id}`);
    return { ...block, expected: outcome };
  });
}

/** Names of variables that depend on the clock or on directory order. */
export function unstableNames(block: CorpusBlock): Set<string> {
  const { unstable } = block.expected;
  return new Set(Array.isArray(unstable) ? unstable : Object.values(unstable).flat());
}

export function writeVault(directory: string, vault: Record<string, string>): void {
  for (const [path, text] of Object.entries(vault)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}

export function readVault(directory: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files[path.slice(directory.length + 1)] = readFileSync(path, 'utf8');
  }
  return files;
}

function readLines(name: string): string[] {
  return readFileSync(join(FIXTURES, name), 'utf8').trim().split('\n');
}
