// Notes and queries for the MCP bench: a Zipf vocabulary, the same in every run, so that common words are among the queries.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, createZipf } from '../zipf-words.ts';

const NOTES_A_DIRECTORY = 1000;

export interface ZipfCorpus {
  paths: string[];
  /** One to four words each. */
  queries: string[];
}

export function writeZipfCorpus(directory: string, notes: number, queryCount: number): ZipfCorpus {
  const random = createRandom(42);
  const word = createZipf(random);
  const paths: string[] = [];
  for (let note = 0; note < notes; note++) {
    const folder = `d${Math.floor(note / NOTES_A_DIRECTORY)}`;
    if (note % NOTES_A_DIRECTORY === 0) mkdirSync(join(directory, folder), { recursive: true });
    const lines = [`# ${word()} ${word()}`, ''];
    for (let left = 40 + Math.floor(random() * 220); left > 0; left -= 12)
      lines.push(Array.from({ length: Math.min(12, left) }, word).join(' '));
    const path = `${folder}/n${note}.md`;
    writeFileSync(join(directory, path), `${lines.join('\n')}\n`);
    paths.push(path);
  }
  const queries = Array.from({ length: queryCount }, (_, position) =>
    Array.from({ length: 1 + (position % 4) }, word).join(' '),
  );
  return { paths, queries };
}
