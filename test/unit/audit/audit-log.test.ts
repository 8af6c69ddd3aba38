// The audit log: durable before the effect, keyed digests, usage in the same transaction, and refusal when it can't write.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openCoreStore } from '../../../src/store/core-store.ts';
import { usageReport } from '../../../src/usage/usage-report.ts';
import { auditedCall, createStateDirectory, intent, openAudit } from './audit-fixture.ts';

const unavailable = { code: 'AUDIT_UNAVAILABLE', status: 503 };

describe('audit log', () => {
  test('intent, operations and outcome are on disk when their promise resolves', async () => {
    await using fixture = openAudit();
    using reader = openCoreStore({ directory: fixture.directory });
    const kinds = () => reader.db.prepare('SELECT kind FROM audit ORDER BY seq').pluck().all();
    const call = await fixture.audit.begin(intent(), [{ operation: 'note.read', path: 'a.md' }]);
    assert.deepEqual(kinds(), ['intent', 'operation']);
    await call.operation({ operation: 'note.write', path: 'b.md', before: 'v1', after: 'v2' });
    assert.deepEqual(kinds(), ['intent', 'operation', 'operation']);
    await call.finish({ outcome: 'error', code: 'NOT_FOUND', durationMs: 12.6, usage: { tool: 'fetch' } });
    const records = fixture.audit.tail({ limit: 10 });
    assert.deepEqual(
      records.map(({ seq, kind, callId, actorId, action }) => [seq, kind, callId === call.callId, actorId, action]),
      [
        [1, 'intent', true, 'k_1', 'tool.fetch'],
        [2, 'operation', true, 'k_1', 'tool.fetch'],
        [3, 'operation', true, 'k_1', 'tool.fetch'],
        [4, 'outcome', true, 'k_1', 'tool.fetch'],
      ],
    );
    assert.deepEqual([records[2]?.path, records[2]?.before, records[2]?.after], ['b.md', 'v1', 'v2']);
    assert.deepEqual([records[3]?.outcome, records[3]?.code, records[3]?.durationMs], ['error', 'NOT_FOUND', 13]);
    assert.deepEqual(fixture.recorded, ['intent', 'operation', 'operation', 'outcome']);
    assert.equal(usageReport(fixture.store.db, { by: 'key' })[0]?.errors, 1);
    await assert.rejects(call.finish({ outcome: 'ok', durationMs: 1 }), { code: 'INTERNAL' });
    await assert.rejects(call.operation({ operation: 'note.read' }), { code: 'INTERNAL' });
  });

  test('arguments and replies are HMACs under a private key, or in clear where asked for', async () => {
    await using fixture = openAudit();
    const secret = 'what is my blood type';
    const call = await fixture.audit.begin(intent({ args: { question: secret } }));
    await call.finish({ outcome: 'ok', reply: secret, durationMs: 1 });
    const keyFile = join(fixture.directory, 'audit.key');
    const key = readFileSync(keyFile);
    assert.equal(key.length, 32);
    assert.equal(statSync(keyFile).mode & 0o777, 0o600);
    const [first, last] = fixture.audit.tail({ limit: 2 });
    const expected = (value: unknown) => createHmac('sha256', key).update(JSON.stringify(value)).digest('hex');
    assert.equal(first?.argsDigest, expected({ question: secret }));
    assert.equal(last?.replyDigest, expected(secret));
    assert.equal(JSON.stringify([first, last]).includes(secret), false);

    await using full = openAudit(undefined, { contentMode: 'full' });
    const shown = await full.audit.begin(intent({ args: { question: secret } }));
    await shown.finish({ outcome: 'ok', reply: secret, durationMs: 1 });
    assert.deepEqual(
      full.audit.tail({ limit: 2 }).map((record) => record.content),
      [`{"question":"${secret}"}`, `"${secret}"`],
    );
    assert.equal((await full.audit.verify()).ok, true);
  });

  test('a full disk: AUDIT_UNAVAILABLE, no row, no usage; recovers by itself with a sound chain', async () => {
    await using fixture = openAudit();
    const { audit, store } = fixture;
    await auditedCall(audit);
    const open = await audit.begin(intent());
    const rows = () => store.db.prepare('SELECT count(*) FROM audit').pluck().get();
    const pages = Number(store.db.pragma('page_count', { simple: true }));
    store.db.pragma(`max_page_count = ${pages}`);
    const long = 'x'.repeat(8000);
    const results = await Promise.allSettled([
      audit.begin(intent({ requestId: long })),
      audit.begin(intent(), [{ operation: 'note.read', path: long }]),
      open.operation({ operation: 'note.write', path: long }),
      open.finish({ outcome: 'ok', code: long, durationMs: 1, usage: { tool: 'fetch' } }),
    ]);
    for (const result of results) {
      assert.equal(result.status === 'rejected' && (result.reason as { code: string }).code, 'AUDIT_UNAVAILABLE');
    }
    assert.equal(rows(), 4);
    assert.equal(usageReport(store.db, { by: 'key' })[0]?.calls, 1);
    assert.deepEqual(await audit.verify(), { ok: true, records: 4 });
    store.db.pragma('max_page_count = 1000000');
    await open.finish({ outcome: 'ok', durationMs: 1, usage: { tool: 'fetch' } });
    await auditedCall(audit);
    assert.deepEqual(await audit.verify(), { ok: true, records: 8 });
    assert.equal(fixture.recorded.length, 8);
  });

  test('a database that may not be written, or is held by another process, refuses too', async () => {
    await using fixture = openAudit();
    fixture.store.db.pragma('query_only = ON');
    await assert.rejects(fixture.audit.begin(intent()), { ...unavailable, hint: /writable/ });
    fixture.store.db.pragma('query_only = OFF');
    using other = openCoreStore({ directory: fixture.directory });
    other.db.exec('BEGIN IMMEDIATE');
    await assert.rejects(fixture.audit.begin(intent()), { ...unavailable, hint: /Another process/ });
    other.db.exec('ROLLBACK');
    await auditedCall(fixture.audit);
    assert.deepEqual(await fixture.audit.verify(), { ok: true, records: 3 });
  });

  test('arguments that have no JSON are refused like a record that cannot be written', async () => {
    await using fixture = openAudit();
    await assert.rejects(fixture.audit.begin(intent({ args: { big: 1n } })), unavailable);
    assert.deepEqual(fixture.audit.tail({ limit: 10 }), []);
  });

  test('the outcome and its usage are one transaction', async () => {
    await using fixture = openAudit(undefined, {
      recordUsage: () => {
        throw new Error('planted');
      },
    });
    const call = await fixture.audit.begin(intent());
    await assert.rejects(call.finish({ outcome: 'ok', durationMs: 1, usage: { tool: 't' } }), unavailable);
    await call.finish({ outcome: 'ok', durationMs: 1 });
    assert.deepEqual(await fixture.audit.verify(), { ok: true, records: 2 });
  });

  test('two processes may append by turns', async () => {
    await using first = openAudit();
    await using second = openAudit(first.directory);
    for (let i = 0; i < 5; i += 1) {
      await auditedCall(first.audit);
      await auditedCall(second.audit);
    }
    assert.deepEqual(await first.audit.verify(), { ok: true, records: 30 });
    assert.deepEqual(second.problems, []);
  });

  test('update and delete are forbidden, also as a replace', async () => {
    await using fixture = openAudit();
    await auditedCall(fixture.audit);
    const { db } = fixture.store;
    for (const sql of [
      "UPDATE audit SET action = 'x'",
      'DELETE FROM audit',
      'REPLACE INTO audit SELECT * FROM audit WHERE seq = 1',
    ]) {
      assert.throws(() => db.exec(sql), /append-only/, sql);
    }
  });

  test('odd text round-trips into a sound chain', async () => {
    await using fixture = openAudit();
    const odd = ['\u0000nul', 'lone \ud800 surrogate', '\udfff', 'é e\u0301 \u{1f600}', '"\\\n\u2028', '', '\ufeff'];
    for (const text of odd) {
      const call = await fixture.audit.begin(intent({ requestId: text, action: text, root: text }), [
        { operation: text, path: text, before: text, after: text },
      ]);
      await call.finish({ outcome: 'error', code: text, durationMs: -3 });
    }
    assert.deepEqual(await fixture.audit.verify(), { ok: true, records: odd.length * 3 });
  });

  test('a path that no note can have is kept as far as it tells something', async () => {
    await using fixture = openAudit();
    const call = await fixture.audit.begin(intent(), [{ operation: 'note.read', path: 'p'.repeat(1_000_000) }]);
    await call.operation({ operation: 'note.stat', path: `${'q'.repeat(4095)}\u{1f600}` });
    const paths = fixture.audit.tail({ limit: 2 }).map(({ path }) => path);
    assert.deepEqual(paths, [`${'p'.repeat(4096)}…`, `${'q'.repeat(4095)}\ufffd…`]);
    assert.equal((await fixture.audit.verify()).ok, true);
  });

  test('tail and export page through everything', async () => {
    await using fixture = openAudit();
    await Promise.all(Array.from({ length: 250 }, (_, i) => auditedCall(fixture.audit, `${i}.md`)));
    fixture.advance(1000);
    await Promise.all(Array.from({ length: 150 }, () => auditedCall(fixture.audit)));
    const { audit } = fixture;
    assert.deepEqual(
      audit.tail({ limit: 2 }).map((record) => record.seq),
      [1199, 1200],
    );
    assert.deepEqual(
      audit.tail({ limit: 2, afterSeq: 10 }).map((record) => record.seq),
      [11, 12],
    );
    assert.equal([...audit.exportRows()].length, 1200);
    assert.equal([...audit.exportRows({ afterSeq: 700 })].length, 500);
    assert.equal([...audit.exportRows({ sinceMs: fixture.clock.nowMs() })].length, 450);
    for (const limit of [0, -1, 1.5, 1001, Number.NaN]) {
      assert.throws(() => audit.tail({ limit }), { code: 'INVALID_INPUT' });
    }
  });

  test('a key file that is not a key stops the start with the fix', () => {
    const directory = createStateDirectory();
    writeFileSync(join(directory, 'audit.key'), 'short');
    assert.throws(() => openAudit(directory), { code: 'STORE_FAILED', hint: /backup/ });
    rmSync(directory, { recursive: true });
  });
});
