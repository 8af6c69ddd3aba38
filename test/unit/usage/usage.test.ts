// Usage: one row an hour, key, tool and backend; reports that add up.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { openCoreStore } from '../../../src/store/core-store.ts';
import { createGroupCommit } from '../../../src/store/group-commit.ts';
import type { CoreStore } from '../../../src/store/core-store.ts';
import { createRefusedCalls } from '../../../src/usage/refused-calls.ts';
import { createSpendingRecorder, createSpentReader } from '../../../src/usage/budget-spending.ts';
import { createUsageRecorder } from '../../../src/usage/usage-recorder.ts';
import type { UsageEntry } from '../../../src/usage/usage-recorder.ts';
import { usageReport } from '../../../src/usage/usage-report.ts';

const NOON = Date.UTC(2026, 10, 23, 12);
let directory: string;
let store: CoreStore;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-usage-'));
  store = openCoreStore({ directory });
});
afterEach(() => {
  store.close();
  rmSync(directory, { recursive: true });
});

const entry = (keyId: string, timeMs: number, usage: UsageEntry['usage'], isError = false): UsageEntry => ({
  timeMs,
  keyId,
  isError,
  durationMs: 10.4,
  usage,
});

describe('usage', () => {
  test('adds up by hour, key, tool and backend', () => {
    const record = createUsageRecorder(store.db);
    record(entry('k_a', NOON, { tool: 'ask', backend: 'builtin', inputTokens: 100, outputTokens: 5, turns: 2 }));
    record(entry('k_a', NOON + 1, { tool: 'ask', backend: 'builtin', inputTokens: 50, notesRead: 3 }, true));
    record(entry('k_a', NOON + 3_600_000, { tool: 'fetch', notesRead: 1, notesWritten: 1, modelMs: 7.6 }));
    record(entry('k_b', NOON + 86_400_000, { tool: 'fetch' }));
    assert.equal(store.db.prepare('SELECT count(*) FROM usage').pluck().get(), 3);
    const empty = {
      refused: 0,
      inputTokens: 0,
      outputTokens: 0,
      modelMs: 0,
      turns: 0,
      notesRead: 0,
      notesWritten: 0,
      costUsd: 0,
    };
    assert.deepEqual(usageReport(store.db, { by: 'backend' }), [
      { ...empty, group: '', calls: 2, errors: 0, notesRead: 1, notesWritten: 1, modelMs: 8, durationMs: 20 },
      {
        ...empty,
        group: 'builtin',
        calls: 2,
        errors: 1,
        inputTokens: 150,
        outputTokens: 5,
        turns: 2,
        notesRead: 3,
        durationMs: 20,
      },
    ]);
    const groups = (by: 'key' | 'tool' | 'day') => usageReport(store.db, { by }).map((row) => [row.group, row.calls]);
    assert.deepEqual(groups('key'), [
      ['k_a', 3],
      ['k_b', 1],
    ]);
    assert.deepEqual(groups('tool'), [
      ['ask', 2],
      ['fetch', 2],
    ]);
    assert.deepEqual(groups('day'), [
      ['2026-11-23', 3],
      ['2026-11-24', 1],
    ]);
  });

  test('costs add up to the micro-dollar, rounded up, and by account and month', () => {
    const recordUsage = createUsageRecorder(store.db);
    const recordSpending = createSpendingRecorder(store.db);
    const record = (one: UsageEntry): void => {
      recordUsage(one);
      recordSpending(one);
    };
    const insert = store.db.prepare(`INSERT INTO api_keys (id, name, kind, scopes, root, hash, created_ms, rotated_from)
      VALUES (?, 'n', 'client', 'agent', 'default', randomblob(32), 1, ?)`);
    insert.run('k_a', null);
    insert.run('k_b', 'k_a');
    insert.run('k_c', 'k_b');
    record(entry('k_a', NOON, { tool: 'ask', costUsd: 0.0000011 }));
    record(entry('k_a', NOON, { tool: 'ask', costUsd: 0.000123 }));
    record(entry('k_b', NOON, { tool: 'ask', costUsd: Number.NaN }));
    record(entry('k_c', NOON + 86_400_000, { tool: 'ask', costUsd: 1 }));
    record(entry('k_c', NOON + 30 * 86_400_000, { tool: 'ask', costUsd: 2 }));
    record(entry('k_d', NOON, { tool: 'ask', costUsd: 4 }));
    const costs = usageReport(store.db, { by: 'key' }).map((row) => [row.group, row.costUsd]);
    assert.deepEqual(costs, [
      ['k_a', 0.000125],
      ['k_c', 3],
      ['k_b', 0],
      ['k_d', 4],
    ]);
    const spent = createSpentReader(store.db);
    assert.equal(spent('k_a', '2026-11').microUsd, 1_000_125);
    assert.equal(spent('k_a', '2026-11-24').microUsd, 1_000_000);
    assert.equal(spent('k_a', '2026-12').microUsd, 2_000_000);
    assert.equal(spent('k_b', '2026-11').microUsd, 0);
    assert.equal(spent('k_d', '2026-11').microUsd, 4_000_000);
    assert.equal(spent('local', '2026-11').microUsd, 0);
  });

  test('tokens of a day and a month; the days that no budget asks for are let go, the months stay', () => {
    const record = createSpendingRecorder(store.db);
    const spent = createSpentReader(store.db);
    record(entry('k', NOON, { tool: 'ask', inputTokens: 100, outputTokens: 7 }));
    record(entry('k', NOON + 86_400_000, { tool: 'ask', inputTokens: Number.NaN, outputTokens: 3 }));
    record(entry('k', NOON, { tool: 'fetch' }));
    const tokens = (period: string): number => spent('k', period).tokens;
    assert.deepEqual([tokens('2026-11-23'), tokens('2026-11-24'), tokens('2026-11')], [107, 3, 110]);
    record(entry('k', NOON + 41 * 86_400_000, { tool: 'ask', inputTokens: 1 }));
    assert.deepEqual([tokens('2026-11-23'), tokens('2026-11-24'), tokens('2026-11')], [0, 3, 110]);
  });

  test('refused calls are counted in memory and written together; what fails is written later', async () => {
    const clock = { nowMs: () => NOON, monotonicMs: () => 0 };
    await using group = createGroupCommit(store.db, { onError: () => undefined, clock });
    await using refused = createRefusedCalls({ db: store.db, groupCommit: group, clock });
    for (let i = 0; i < 1000; i += 1) refused.note('k', i % 4 === 0 ? 'search' : '');
    const rows = (): unknown[] => store.db.prepare('SELECT tool, calls, refused FROM usage ORDER BY tool').all();
    assert.deepEqual(rows(), []);
    store.db.pragma('query_only = ON');
    await refused.flush();
    store.db.pragma('query_only = OFF');
    refused.note('k', 'search');
    await refused.flush();
    await refused.flush();
    assert.deepEqual(rows(), [
      { tool: '', calls: 750, refused: 750 },
      { tool: 'search', calls: 251, refused: 251 },
    ]);
  });

  test('since a time counts its whole hour and nothing before', () => {
    const record = createUsageRecorder(store.db);
    for (let hour = 0; hour < 48; hour += 1) record(entry('k', NOON + hour * 3_600_000, { tool: 't' }));
    const calls = (sinceMs: number) => usageReport(store.db, { by: 'key', sinceMs })[0]?.calls;
    assert.equal(calls(NOON + 47 * 3_600_000 + 1_800_000), 1);
    assert.equal(calls(NOON + 20 * 3_600_000), 28);
    assert.equal(calls(0), 48);
    assert.throws(() => calls(Number.NaN), { code: 'INVALID_INPUT' });
  });

  test('what a backend claims cannot break the row', () => {
    const record = createUsageRecorder(store.db);
    const odd = { tool: 't', inputTokens: Number.NaN, outputTokens: -5, modelMs: Infinity, turns: 1.5 };
    record(entry('k', NOON, odd));
    const row = usageReport(store.db, { by: 'key' })[0];
    assert.deepEqual([row?.inputTokens, row?.outputTokens, row?.turns], [0, 0, 2]);
  });
});
