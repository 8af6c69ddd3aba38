// How long a search of the audit takes over a million records: each filter alone, and combinations that find nothing. Prints
// a table; proves nothing by itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchAudit, type AuditQuery } from '../../src/audit/search-audit.ts';
import { openCoreStore } from '../../src/store/core-store.ts';

const RECORDS = 1_000_000;
const ROUNDS = 40;
const START_MS = 1_700_000_000_000;

const directory = mkdtempSync(join(tmpdir(), 'mema-bench-'));
const store = openCoreStore({ directory });
const { db } = store;
const filled = performance.now();
db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${RECORDS})
  INSERT INTO audit (seq, time_ms, call_id, request_id, kind, actor_kind, actor_id, transport, action, root, operation,
                     path, outcome, code, prev_hash, hash)
  SELECT i, ${START_MS} + i * 30000, printf('%012x-0000', i / 3), printf('%012x-1111', i / 3),
         CASE i % 3 WHEN 0 THEN 'intent' WHEN 1 THEN 'operation' ELSE 'outcome' END, 'key', 'k_' || (i / 3 % 20), 'http',
         iif(i % 1000 = 0, 'key.create', 'tool.' || iif(i / 3 % 4 = 0, 'fetch', 'search')), 'default',
         iif(i % 3 = 1, 'note.read', NULL), iif(i % 3 = 1, 'entities/' || (i / 3 % 5000) || '.md', NULL),
         iif(i % 3 = 2, iif(i % 50 = 2, 'error', 'ok'), NULL), iif(i % 150 = 2, 'NOT_FOUND', NULL),
         printf('%064x', i), printf('%064x', i + 1) FROM n`);
const fillMs = performance.now() - filled;

const middle = START_MS + (RECORDS / 2) * 30_000;
const queries: Record<string, Omit<AuditQuery, 'limit'>> = {
  newest: {},
  actor: { actorId: 'k_7' },
  'actor, until the middle': { actorId: 'k_7', untilMs: middle },
  action: { action: 'tool.fetch' },
  'rare action': { action: 'key.create' },
  'all tools': { action: 'tool.*' },
  note: { path: 'entities/42.md' },
  'notes below': { path: 'entities/49*' },
  call: { callId: '00000000abcd-0000' },
  request: { requestId: '00000000abcd-1111' },
  code: { code: 'NOT_FOUND' },
  'errors in a month': { outcome: 'error', sinceMs: middle, untilMs: middle + 30 * 86_400_000 },
  'nothing fits': { actorId: 'k_7', operation: 'note.write', root: 'none' },
  'nothing fits, no index': { root: 'none', actorKind: 'jwt' },
};

const all: number[] = [];
const lines = Object.entries(queries).map(([name, query]) => {
  const times = Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    searchAudit(db, { ...query, limit: 50 });
    return performance.now() - started;
  });
  all.push(...times);
  return `${name.padEnd(26)}${percentile(times, 0.5).padStart(10)}${percentile(times, 0.95).padStart(10)}`;
});

function percentile(times: readonly number[], share: number): string {
  return (times.toSorted((a, b) => a - b)[Math.floor(times.length * share)] ?? 0).toFixed(1);
}

process.stdout.write(
  `${RECORDS} records, filled in ${(fillMs / 1000).toFixed(0)} s\n${'search'.padEnd(26)}${'p50 ms'.padStart(10)}${'p95 ms'.padStart(10)}\n` +
    `${lines.join('\n')}\n${'all'.padEnd(26)}${percentile(all, 0.5).padStart(10)}${percentile(all, 0.95).padStart(10)}\n`,
);
store.close();
rmSync(directory, { recursive: true });
