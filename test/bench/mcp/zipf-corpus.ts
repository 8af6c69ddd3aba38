// Notes and queries for the MCP bench: a Zipf vocabulary, the same in every run, so that common words are among the queries.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const VOCABULARY = 50_000;
const NOTES_A_DIRECTORY = 1000;

export interface ZipfCorpus {
  paths: string[];
  /** One to four words each. */
  queries: string[];
}

/** Small, seeded, good enough. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function createZipf(random: () => number): () => string {
  const cumulative: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= VOCABULARY; rank++) cumulative.push((sum += 1 / rank));
  return () => {
    const wanted = random() * sum;
    let low = 0;
    let high = VOCABULARY - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? 0) < wanted) low = middle + 1;
      else high = middle;
    }
    return `w${low.toString(36)}x`;
  };
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
