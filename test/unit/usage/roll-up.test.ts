// Rolled up or not, usage says the same; and it says what the audit says, over random calls of more than two years.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollUpUsage } from '../../../src/usage/roll-up-usage.ts';
import { usageCsv, usageReport, USAGE_GROUPS, type UsageReportRow } from '../../../src/usage/usage-report.ts';
import { intent, openAudit } from '../audit/audit-fixture.ts';

const DAY_MS = 86_400_000;
const RETENTION = { hourlyDays: 90, dailyDays: 365, monthlyDays: 0 };

test('totals equal the audit, before and after roll-ups, and rows become few', async () => {
  await using fixture = openAudit();
  const { audit, store, clock } = fixture;
  const outcomes = ['ok', 'ok', 'error', 'denied', 'cancelled'] as const;
  let tokens = 0;
  for (let i = 0; i < 1500; i += 1) {
    fixture.advance(((i * 7919) % 1000) * 90_000);
    const call = await audit.begin(intent({ actor: { kind: 'key', id: `k_${i % 3}` } }), [
      { operation: 'note.read', path: 'a.md' },
    ]);
    tokens += i;
    await call.finish({
      outcome: outcomes[i % 5] ?? 'ok',
      durationMs: 2,
      usage: { tool: i % 2 === 0 ? 'ask' : 'fetch', backend: 'b', inputTokens: i, notesRead: 1, costUsd: 0.000001 * i },
    });
  }
  const total = (rows: readonly UsageReportRow[], column: keyof UsageReportRow): number =>
    rows.reduce((sum, row) => sum + Math.round(Number(row[column]) * 1e6), 0) / 1e6;
  const counted = (where: string): unknown =>
    store.db.prepare(`SELECT count(*) FROM audit WHERE ${where}`).pluck().get();
  const check = (): void => {
    for (const by of USAGE_GROUPS) {
      const rows = usageReport(store.db, { by });
      assert.equal(total(rows, 'calls'), counted("kind = 'outcome'"), by);
      assert.equal(total(rows, 'errors'), counted("outcome IN ('error', 'cancelled')"));
      assert.equal(total(rows, 'refused'), counted("outcome = 'denied'"));
      assert.equal(total(rows, 'notesRead'), counted("operation = 'note.read'"));
      assert.equal(total(rows, 'inputTokens'), tokens);
      assert.equal(total(rows, 'costUsd'), tokens / 1e6);
    }
    for (const row of usageReport(store.db, { by: 'key' })) {
      assert.equal(row.calls, counted(`kind = 'outcome' AND actor_id = '${row.group}'`));
    }
  };
  check();
  const months = usageReport(store.db, { by: ['month', 'tool'] });
  const recent = usageReport(store.db, { by: 'hour', sinceMs: clock.nowMs() - 80 * DAY_MS });
  const yearOfMonths = usageReport(store.db, { by: 'month', sinceMs: clock.nowMs() - 400 * DAY_MS });
  assert.ok(months.length > 20);
  for (let again = 0; again < 3; again += 1) {
    const moved = store.db.transaction(() => rollUpUsage(store.db, RETENTION, clock.nowMs()))();
    assert.equal(moved > 0, again === 0, 'what is rolled up is left alone');
    check();
  }
  assert.deepEqual(usageReport(store.db, { by: ['month', 'tool'] }), months);
  assert.deepEqual(usageReport(store.db, { by: 'hour', sinceMs: clock.nowMs() - 80 * DAY_MS }), recent);
  assert.deepEqual(
    usageReport(store.db, { by: 'month', sinceMs: clock.nowMs() - 400 * DAY_MS }).slice(1),
    yearOfMonths.slice(1),
  );
  fixture.advance(1000 * DAY_MS);
  store.db.transaction(() => rollUpUsage(store.db, RETENTION, clock.nowMs()))();
  check();
  assert.ok(Number(store.db.prepare('SELECT count(*) FROM usage').pluck().get()) < 200);
  store.db.transaction(() => rollUpUsage(store.db, { ...RETENTION, monthlyDays: 60 }, clock.nowMs()))();
  assert.deepEqual(usageReport(store.db, { by: 'key' }), []);
});

test('until leaves out what began then; CSV has a column for each group and is safe in a spreadsheet', async () => {
  await using fixture = openAudit();
  for (const id of ['k_1', '=cmd()', 'a,"b"']) {
    const call = await fixture.audit.begin(intent({ actor: { kind: 'key', id } }));
    await call.finish({ outcome: 'ok', durationMs: 1, usage: { tool: 'fetch' } });
    fixture.advance(3_600_000);
  }
  const { db } = fixture.store;
  const untilMs = fixture.clock.nowMs() - 2 * 3_600_000;
  assert.deepEqual(
    usageReport(db, { by: 'key', untilMs }).map(({ group }) => group),
    ['k_1'],
  );
  assert.deepEqual(
    usageReport(db, { by: 'hour', sinceMs: untilMs }).map(({ group }) => group),
    ['2026-11-23T13', '2026-11-23T14'],
  );
  const lines = usageCsv(['day', 'key'], usageReport(db, { by: ['day', 'key'] }))
    .trimEnd()
    .split('\r\n');
  assert.match(lines[0] ?? '', /^day,key,calls,errors,refused,/);
  assert.match(lines[1] ?? '', /^2026-11-23,'=cmd\(\),1,0,0,/);
  assert.match(lines[2] ?? '', /^2026-11-23,"a,""b""",1,0,0,/);
});
