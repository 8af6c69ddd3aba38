// Search over the audit: every filter, alone and together, against a plain scan; pages that join without a gap or a repeat.

import assert from 'node:assert/strict';
import { before, after, describe, test } from 'node:test';
import type { AuditRecord } from '../../../src/audit/audit-record.ts';
import type { AuditQuery } from '../../../src/audit/search-audit.ts';
import { intent, openAudit, type AuditFixture } from './audit-fixture.ts';

const ACTIONS = ['tool.fetch', 'tool.search', 'key.create'];
const PATHS = ['user.md', 'entities/ann.md', 'entities/bob.md', 'émigré*.md'];
let fixture: AuditFixture;
let all: AuditRecord[];

before(async () => {
  fixture = openAudit();
  for (let i = 0; i < 120; i += 1) {
    const call = await fixture.audit.begin(
      intent({
        action: ACTIONS[i % 3] ?? '',
        requestId: `req_${i >> 1}`,
        actor: { kind: i % 5 === 0 ? 'local' : 'key', id: `k_${i % 4}` },
        root: i % 2 === 0 ? 'default' : 'team',
      }),
      [{ operation: i % 7 === 0 ? 'note.write' : 'note.read', path: PATHS[i % 4] ?? '' }],
    );
    const outcome = i % 6 === 0 ? 'denied' : i % 6 === 1 ? 'error' : 'ok';
    await call.finish({ outcome, durationMs: 1, ...(outcome !== 'ok' && { code: 'NOT_FOUND' }) });
    if (i % 10 === 0) {
      await fixture.audit.note({ ...intent({ action: 'security.path_refused' }), outcome: 'denied', content: { i } });
    }
    // The clock goes back once in a while.
    fixture.advance(i % 20 === 19 ? -5000 : 1000 * (i % 3));
  }
  all = [...fixture.audit.exportRows()];
});
after(() => fixture[Symbol.asyncDispose]());

const MATCHES: { [Name in keyof AuditQuery]?: (record: AuditRecord, value: never) => boolean } = {
  actorId: (record, value: string) => record.actorId === value,
  actorKind: (record, value: string) => record.actorKind === value,
  action: (record, value: string) => matches(record.action, value),
  path: (record, value: string) => record.path !== null && matches(record.path, value),
  operation: (record, value: string) => record.operation === value,
  callId: (record, value: string) => record.callId === value,
  requestId: (record, value: string) => record.requestId === value,
  kind: (record, value: string) => record.kind === value,
  outcome: (record, value: string) => record.outcome === value,
  code: (record, value: string) => record.code === value,
  root: (record, value: string) => record.root === value,
  security: (record, value: boolean) => !value || record.action.startsWith('security.'),
  sinceMs: (record, value: number) => record.timeMs >= value,
  untilMs: (record, value: number) => record.timeMs < value,
};

const matches = (text: string, pattern: string): boolean =>
  pattern.endsWith('*') ? text.startsWith(pattern.slice(0, -1)) : text === pattern;

function scan(query: Omit<AuditQuery, 'limit'>): number[] {
  const isForAll = Object.entries(query).every(([name, value]) => name === 'security' && value === false);
  if (isForAll) return all.map(({ seq }) => seq).toReversed();
  return all
    .filter((record) =>
      Object.entries(query).every(([name, value]) => MATCHES[name as keyof AuditQuery]?.(record, value as never)),
    )
    .toSorted((a, b) => b.timeMs - a.timeMs || b.seq - a.seq)
    .map((record) => record.seq);
}

function pageThrough(query: Omit<AuditQuery, 'limit'>, limit: number): number[] {
  const found: number[] = [];
  let cursor: string | undefined;
  do {
    const page = fixture.audit.search({ ...query, limit, ...(cursor !== undefined && { cursor }) });
    found.push(...page.records.map((record) => record.seq));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found;
}

describe('audit search', () => {
  test('each filter, and pairs of them, find what a scan finds, whatever the size of a page', () => {
    const middle = all[180]?.timeMs ?? 0;
    const choices: [keyof AuditQuery, unknown][] = [
      ['actorId', 'k_2'],
      ['actorKind', 'local'],
      ['action', 'tool.fetch'],
      ['action', 'tool.*'],
      ['path', 'user.md'],
      ['path', 'entities/*'],
      ['path', 'émigré*'],
      ['operation', 'note.write'],
      ['callId', all[9]?.callId],
      ['requestId', 'req_7'],
      ['kind', 'outcome'],
      ['outcome', 'ok'],
      ['outcome', 'denied'],
      ['code', 'NOT_FOUND'],
      ['root', 'team'],
      ['security', true],
      ['security', false],
      ['sinceMs', middle],
      ['untilMs', middle],
      ['actorId', 'nobody'],
    ];
    let found = 0;
    for (const [name, value] of choices) {
      for (const [other, otherValue] of choices) {
        const query = { [name]: value, [other]: otherValue };
        const expected = scan(query);
        found += expected.length;
        for (const limit of [1, 7, 1000]) assert.deepEqual(pageThrough(query, limit), expected, JSON.stringify(query));
      }
    }
    assert.ok(found > 5000);
    assert.deepEqual(pageThrough({}, 1000), scan({}));
  });

  test('a page of a rare combination is bounded: short, with a cursor, and what is there is found in the end', () => {
    const { db } = fixture.store;
    db.exec('BEGIN');
    db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000)
      INSERT INTO audit (seq, time_ms, call_id, request_id, kind, actor_kind, actor_id, transport, action, prev_hash, hash)
      SELECT 100000 + i, 2000000000000 + i, 'c', 'r', 'intent', 'key', iif(i = 3, 'k_rare', 'k_much'), 'http', 'tool.list',
             '', '' FROM n`);
    const pages: number[] = [];
    let cursor: string | undefined;
    do {
      const page = fixture.audit.search({
        action: 'tool.*',
        root: 'team',
        limit: 10,
        ...(cursor !== undefined && { cursor }),
      });
      pages.push(page.records.length);
      cursor = page.nextCursor;
    } while (cursor !== undefined && pages.length < 10);
    assert.deepEqual(pages.slice(0, 4), [0, 0, 0, 10]);
    assert.equal(fixture.audit.search({ actorId: 'k_rare', limit: 10 }).records.length, 1);
    db.exec('ROLLBACK');
  });

  test('after a clock that was ahead, the newest of all are those that came last', async () => {
    await using later = openAudit();
    later.advance(86_400_000 * 400);
    await later.audit.note({ ...intent({ action: 'key.create' }), outcome: 'ok', content: {} });
    later.advance(-86_400_000 * 400);
    await later.audit.note({ ...intent({ action: 'key.revoke' }), outcome: 'ok', content: {} });
    const { records, nextCursor = '' } = later.audit.search({ limit: 1 });
    assert.deepEqual(
      records.map(({ action }) => action),
      ['key.revoke'],
    );
    assert.equal(later.audit.search({ limit: 1, cursor: nextCursor }).records[0]?.action, 'key.create');
  });

  test('a wrong limit or cursor is refused', () => {
    assert.throws(() => fixture.audit.search({ limit: 0 }), { code: 'INVALID_INPUT' });
    for (const cursor of ['', '1', 'a.b', '1.2.3', '1.2 OR 1'])
      assert.throws(() => fixture.audit.search({ limit: 1, cursor }), { code: 'INVALID_INPUT' }, cursor);
  });
});
