// Security events: told each time, recorded at once and then by the minute, kept while the audit cannot write, bounded.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSecurityLog, type SecurityFact } from '../../../src/audit/security-log.ts';
import { SECURITY_EVENTS } from '../../../src/telemetry/security-events.ts';
import type { AuditNote } from '../../../src/audit/audit-note.ts';

function openLog(maxKept = 100) {
  let nowMs = 60_000 * 1000;
  const written: AuditNote[] = [];
  const told: SecurityFact[] = [];
  const audit = { works: true };
  const log = createSecurityLog({
    clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
    async write(note) {
      if (!audit.works) throw new Error('planted');
      written.push(note);
    },
    tell: (fact) => told.push(fact),
    maxKept,
  });
  return { log, written, told, audit, advance: (ms: number) => void (nowMs += ms) };
}

test('the first is recorded at once, the rest of the minute in one record, and each is told', async () => {
  const { log, told, written, advance } = openLog();
  const fact: SecurityFact = {
    event: 'rate_limited',
    actor: { kind: 'key', id: 'k_1' },
    code: 'QUEUE_FULL',
    details: { limit: 'requests' },
  };
  log.report(fact);
  await Promise.resolve();
  for (let i = 0; i < 41; i += 1) log.report(fact);
  log.report({ ...fact, actor: { kind: 'key', id: 'k_2' } });
  advance(60_000);
  await log.flush();
  const byActor = (id: string): number =>
    written
      .filter(({ actor }) => actor.id === id)
      .reduce((sum, { content }) => sum + (content as { count: number }).count, 0);
  assert.deepEqual([byActor('k_1'), byActor('k_2')], [42, 1]);
  assert.ok(written.length <= 4);
  assert.equal(told.length, 43);
  assert.deepEqual(written[0]?.outcome, 'denied');
  assert.match(JSON.stringify(written[0]?.content), new RegExp(SECURITY_EVENTS.rate_limited.id));
  await log[Symbol.asyncDispose]();
});

test('what could not be written waits for the audit, and nothing is lost or doubled', async () => {
  const { log, written, audit } = openLog();
  audit.works = false;
  for (let i = 0; i < 5; i += 1) log.report({ event: 'path_refused', path: `${i}.md` });
  await log.flush();
  assert.equal(written.length, 0);
  audit.works = true;
  await log[Symbol.asyncDispose]();
  assert.deepEqual(
    written.map(({ path }) => path),
    ['0.md', '1.md', '2.md', '3.md', '4.md'],
  );
});

test('memory is bounded: beyond it callers are summed up, and the count is right', async () => {
  const { log, written } = openLog(10);
  for (let i = 0; i < 500; i += 1) log.report({ event: 'path_refused', path: `${i}.md` });
  await log[Symbol.asyncDispose]();
  const total = written.reduce((sum, { content }) => sum + (content as { count: number }).count, 0);
  assert.equal(total, 500);
  assert.ok(written.length <= 12, String(written.length));
});

test('ids are stable and unique', () => {
  const ids = Object.values(SECURITY_EVENTS).map(({ id }) => id);
  for (const id of ids) assert.match(id, /^SEC-\d{3}$/);
  assert.equal(new Set(ids).size, ids.length);
});
