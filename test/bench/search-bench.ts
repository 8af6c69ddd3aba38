// Search latency over roots of several sizes with a Zipf vocabulary, queries of one to four terms, common words among
// them. Baseline in the same run: FTS5's own `ORDER BY bm25` over the same words. `node test/bench/search-bench.ts [sizes]`

import { mkdtempSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openIndexStore } from '../../src/store/index-store.ts';
import { INDEX_SCHEMA } from '../../src/memory/index-database.ts';
import type { MemoryRoot } from '../../src/memory/memory-root.ts';
import { openMemoryRoot } from '../../src/memory/open-memory-root.ts';
import { createRandom, createZipf } from './zipf-words.ts';

const QUERIES = 400;
const BASELINE_QUERIES = 40;

function writeCorpus(directory: string, notes: number, word: () => string, random: () => number): string[] {
  const texts: string[] = [];
  for (let note = 0; note < notes; note++) {
    if (note % 1000 === 0) mkdirSync(join(directory, `d${note / 1000}`), { recursive: true });
    const lines = [`# ${word()} ${word()}`, ''];
    for (let left = 40 + Math.floor(random() * 220); left > 0; left -= 12)
      lines.push(Array.from({ length: Math.min(12, left) }, word).join(' '));
    const text = `${lines.join('\n')}\n`;
    writeFileSync(join(directory, `d${Math.floor(note / 1000)}`, `n${note}.md`), text);
    texts.push(text);
  }
  return texts;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function measure(
  queries: readonly string[],
  run: (query: string) => unknown,
): Promise<{ p50: number; p95: number; max: number }> {
  const times: number[] = [];
  for (const query of queries) {
    const startedAt = performance.now();
    await run(query);
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  return { p50: percentile(times, 0.5), p95: percentile(times, 0.95), max: times.at(-1) ?? 0 };
}

/** One search before there is an index, and the longest that nobody else got a turn. */
async function measureScan(root: MemoryRoot, queries: readonly string[]): Promise<string> {
  const startedAt = performance.now();
  let longestTurnMs = 0;
  let turn = startedAt;
  const clock = setInterval(() => {
    longestTurnMs = Math.max(longestTurnMs, performance.now() - turn);
    turn = performance.now();
  }, 1);
  const answer = await root.search(queries[1] ?? '', 10).then(
    (hits) => `${hits.length} hits`,
    () => 'not ready',
  );
  longestTurnMs = Math.max(longestTurnMs, performance.now() - turn);
  clearInterval(clock);
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} (${longestTurnMs.toFixed(0)}) ${answer}`;
}

async function benchSize(notes: number): Promise<Record<string, string | number>> {
  const base = mkdtempSync(join(tmpdir(), 'mem-agent-bench-'));
  try {
    const directory = join(base, 'memory');
    mkdirSync(directory);
    const random = createRandom(42);
    const word = createZipf(random);
    const texts = writeCorpus(directory, notes, word, random);
    const queries = Array.from({ length: QUERIES }, (_, position) =>
      Array.from({ length: 1 + (position % 4) }, word).join(' '),
    );
    using store = openIndexStore({ directory: base, schema: INDEX_SCHEMA });
    await using root = openMemoryRoot({ name: 'bench', directory, indexDatabase: store.db });
    const scanned = await measureScan(root, queries);
    const startedAt = performance.now();
    root.start();
    let longestTurnMs = 0;
    for (let turn = performance.now(); root.status().index === 'building'; turn = performance.now()) {
      await sleep(1);
      longestTurnMs = Math.max(longestTurnMs, performance.now() - turn);
    }
    const buildMs = performance.now() - startedAt;
    const indexBytes = statSync(join(base, 'index.db')).size;
    const cold = await measure(queries, (query) => root.search(query, 10));
    const warm = await measure(queries, (query) => root.search(query, 10));
    store.db.exec('CREATE VIRTUAL TABLE baseline USING fts5(body)');
    const insert = store.db.prepare('INSERT INTO baseline (body) VALUES (?)');
    store.db.transaction(() => texts.forEach((text) => insert.run(text)))();
    const naive = store.db.prepare(
      'SELECT rowid FROM baseline WHERE baseline MATCH ? ORDER BY bm25(baseline) LIMIT 10',
    );
    const baseline = await measure(queries.slice(0, BASELINE_QUERIES), (query) =>
      naive.all(query.split(' ').join(' OR ')),
    );
    return {
      notes,
      'files s (longest turn ms)': scanned,
      'build s': (buildMs / 1000).toFixed(1),
      'longest turn ms': longestTurnMs.toFixed(1),
      'index MB': (indexBytes / 1e6).toFixed(1),
      'p50 ms': warm.p50.toFixed(2),
      'p95 ms': warm.p95.toFixed(2),
      'max ms': warm.max.toFixed(2),
      'first-time p95 ms': cold.p95.toFixed(2),
      'bm25 p95 ms': baseline.p95.toFixed(2),
      'ratio p95': (baseline.p95 / warm.p95).toFixed(1),
    };
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

const sizes = process.argv.slice(2).map(Number);
const rows: Record<string, string | number>[] = [];
for (const notes of sizes.length > 0 ? sizes : [100, 1_000, 10_000, 100_000]) rows.push(await benchSize(notes));
// oxlint-disable-next-line no-console
console.table(rows);
