// Tampering, by someone with the file in hand: every change is found, and what was cut off stays provable afterwards.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { verifyAuditChain } from '../../../src/audit/verify-audit-chain.ts';
import { openCoreStore } from '../../../src/store/core-store.ts';
import type { Db } from '../../../src/store/sqlite.ts';
import { auditedCall, createStateDirectory, intent, openAudit } from './audit-fixture.ts';

const SEED = Number(process.env['MEMA_SEED'] ?? 20261123);
const TAMPERINGS = 500;
const RECORDS = 60;

/** mulberry32: small, seeded, good enough to choose rows. */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const TEXT_COLUMNS = [
  'call_id',
  'request_id',
  'actor_kind',
  'actor_id',
  'transport',
  'action',
  'root',
  'operation',
  'path',
  'before_version',
  'after_version',
  'args_digest',
  'reply_digest',
  'content',
  'outcome',
  'code',
  'prev_hash',
  'hash',
];

type Tampering = (db: Db, random: (below: number) => number) => void;

const anySeq = (random: (below: number) => number): number => 1 + random(RECORDS);

const tamperings: Record<string, Tampering> = {
  editText(db, random) {
    const column = TEXT_COLUMNS[random(TEXT_COLUMNS.length)] ?? 'action';
    db.prepare(`UPDATE audit SET ${column} = coalesce(${column}, '') || 'x' WHERE seq = ?`).run(anySeq(random));
  },
  editNumber(db, random) {
    const column = random(2) === 0 ? 'time_ms' : 'duration_ms';
    db.prepare(`UPDATE audit SET ${column} = coalesce(${column}, 0) + 1 WHERE seq = ?`).run(anySeq(random));
  },
  blank(db, random) {
    const seq = anySeq(random);
    const column = ['root', 'path', 'args_digest', 'code'][random(4)] ?? 'root';
    // Null and '' must not be the same to the hash.
    db.prepare(`UPDATE audit SET ${column} = CASE WHEN ${column} IS NULL THEN '' END WHERE seq = ?`).run(seq);
  },
  delete: (db, random) => void db.prepare('DELETE FROM audit WHERE seq = ?').run(anySeq(random)),
  deleteAndCloseGap(db, random) {
    const seq = anySeq(random);
    db.prepare('DELETE FROM audit WHERE seq = ?').run(seq);
    db.prepare('UPDATE audit SET seq = -seq WHERE seq > ?').run(seq);
    db.exec('UPDATE audit SET seq = -seq - 1 WHERE seq < 0');
  },
  swap(db, random) {
    const first = anySeq(random);
    const second = 1 + ((first + random(RECORDS - 1)) % RECORDS);
    db.prepare('UPDATE audit SET seq = -1 WHERE seq = ?').run(first);
    db.prepare('UPDATE audit SET seq = ? WHERE seq = ?').run(first, second);
    db.prepare('UPDATE audit SET seq = ? WHERE seq = -1').run(second);
  },
  truncate: (db, random) => void db.prepare('DELETE FROM audit WHERE seq > ?').run(random(RECORDS)),
  truncateWithHeadRow(db, random) {
    const seq = random(RECORDS);
    db.prepare('DELETE FROM audit WHERE seq > ?').run(seq);
    const hash = db.prepare('SELECT hash FROM audit WHERE seq = ?').pluck().get(seq) ?? '0'.repeat(64);
    db.prepare('UPDATE audit_head SET seq = ?, hash = ?').run(seq, hash);
  },
  insert(db, random) {
    const places = [0, -3, RECORDS + 1, RECORDS + 9];
    const seq = places[random(places.length)] ?? 0;
    const copy = `INSERT INTO audit SELECT ?, ${columnsAfterSeq(db)} FROM audit WHERE seq = ?`;
    db.prepare(copy).run(seq, anySeq(random));
  },
  insertBetween(db, random) {
    const seq = anySeq(random);
    db.prepare('UPDATE audit SET seq = -seq WHERE seq >= ?').run(seq);
    db.exec('UPDATE audit SET seq = -seq + 1 WHERE seq < 0');
    db.prepare(`INSERT INTO audit SELECT ?, ${columnsAfterSeq(db)} FROM audit WHERE seq = ?`).run(seq, seq + 1);
  },
  headRow(db, random) {
    if (random(2) === 0) db.exec('DELETE FROM audit_head');
    else db.exec("UPDATE audit_head SET hash = replace(hash, substr(hash, 1, 1), 'f') || 'f'");
  },
};

function columnsAfterSeq(db: Db): string {
  const columns = db.pragma('table_info(audit)') as { name: string }[];
  return columns
    .slice(1)
    .map((column) => column.name)
    .join(', ');
}

let sound: string;
let work: string;

before(async () => {
  sound = createStateDirectory();
  work = createStateDirectory();
  const fixture = openAudit(sound);
  for (let i = 0; i < RECORDS / 3; i += 1) await auditedCall(fixture.audit, `note-${i}.md`);
  await fixture[Symbol.asyncDispose]();
});
after(() => {
  rmSync(sound, { recursive: true });
  rmSync(work, { recursive: true });
});

/** A copy of the sound state, changed by someone else's SQLite without triggers. */
function tampered(change: (db: Db) => void, name = 'copy'): string {
  const directory = join(work, name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  for (const file of ['core.db', 'audit.head', 'audit.key']) copyFileSync(join(sound, file), join(directory, file));
  using store = openCoreStore({ directory });
  store.db.exec('DROP TRIGGER audit_forbids_update; DROP TRIGGER audit_forbids_delete');
  store.db.pragma('synchronous = OFF');
  change(store.db);
  return directory;
}

async function verifyIn(directory: string) {
  using store = openCoreStore({ directory });
  return await verifyAuditChain({ db: store.db, headFile: join(directory, 'audit.head') });
}

describe('verify', () => {
  test('the sound chain is sound, and so is a copy of it', async () => {
    assert.deepEqual(await verifyIn(sound), { ok: true, records: RECORDS });
    assert.deepEqual(await verifyIn(tampered(() => undefined)), { ok: true, records: RECORDS });
  });

  test(`finds each of ${TAMPERINGS} random tamperings (MEMA_SEED=${SEED})`, async () => {
    const random = createRandom(SEED);
    const names = Object.keys(tamperings);
    for (let round = 0; round < TAMPERINGS; round += 1) {
      const name = names[round % names.length] ?? 'editText';
      const result = await verifyIn(tampered((db) => tamperings[name]?.(db, random)));
      assert.equal(result.ok, false, `seed ${SEED}, round ${round}: ${name} was not found`);
      assert.equal(typeof result.reason, 'string');
    }
  });

  test('names the first bad record', async () => {
    const edited = tampered((db) => db.exec("UPDATE audit SET path = 'other.md' WHERE seq IN (17, 40)"));
    assert.deepEqual(await verifyIn(edited), {
      ok: false,
      records: 16,
      firstBadSeq: 17,
      reason: 'the record was changed after it was written',
    });
    const cut = tampered((db) => db.exec('DELETE FROM audit WHERE seq > 50'));
    assert.deepEqual(await verifyIn(cut), {
      ok: false,
      records: 50,
      firstBadSeq: 51,
      reason: 'records up to 60 were cut off',
    });
  });

  test('audit.head removed, emptied or changed is found', async () => {
    const directory = tampered(() => undefined);
    const headFile = join(directory, 'audit.head');
    const line = readFileSync(headFile, 'utf8');
    const flipped = line.replace(/ ./, line[3] === 'a' ? ' b' : ' a');
    for (const text of ['', 'nonsense', flipped, `61${line.slice(2)}`, `59${line.slice(2)}`]) {
      writeFileSync(headFile, text);
      assert.equal((await verifyIn(directory)).ok, false, text);
    }
    rmSync(headFile);
    assert.match((await verifyIn(directory)).reason ?? '', /audit\.head is missing/);
  });
});

describe('opening a damaged chain', () => {
  test('goes on, says so, records it, and the gap stays provable', async () => {
    for (const name of ['truncate', 'truncateWithHeadRow', 'delete'] as const) {
      const random = createRandom(SEED);
      const directory = tampered((db) => tamperings[name]?.(db, random));
      const fixture = openAudit(directory);
      if (name !== 'delete') {
        assert.equal(fixture.problems[0]?.code, 'AUDIT_CHAIN_BROKEN');
        assert.match(fixture.audit.finding() ?? '', /record 60 existed/);
      }
      await auditedCall(fixture.audit);
      if (name !== 'delete') assert.equal(fixture.audit.tail({ limit: 4 })[0]?.action, 'security.chain_broken');
      assert.equal((await fixture.audit.verify()).ok, false);
      await fixture[Symbol.asyncDispose]();
      assert.equal((await verifyIn(directory)).ok, false, `${name}: still found after a clean close`);
    }
  });

  test('a cut made while the daemon runs is found and stays found', async () => {
    const directory = tampered(() => undefined);
    const fixture = openAudit(directory);
    await auditedCall(fixture.audit);
    using other = openCoreStore({ directory });
    other.db.exec('DELETE FROM audit WHERE seq > 61');
    await auditedCall(fixture.audit);
    assert.equal((await fixture.audit.verify()).ok, false);
    assert.equal(fixture.audit.tail({ limit: 4 })[0]?.action, 'security.chain_broken');
    await fixture[Symbol.asyncDispose]();
    assert.equal((await verifyIn(directory)).ok, false);
  });

  test('a cut behind a lagging audit.head: the chain goes on from the head row, so the gap stays', async () => {
    const directory = tampered((db) => db.exec('DELETE FROM audit WHERE seq > 55'));
    const at50 = (() => {
      using store = openCoreStore({ directory });
      return store.db.prepare('SELECT hash FROM audit WHERE seq = 50').pluck().get();
    })();
    writeFileSync(join(directory, 'audit.head'), `50 ${String(at50)}\n`);
    const fixture = openAudit(directory);
    await auditedCall(fixture.audit);
    assert.equal(fixture.audit.tail({ limit: 4 })[0]?.seq, 61);
    await fixture[Symbol.asyncDispose]();
    assert.deepEqual((await verifyIn(directory)).reason, 'record 56 is missing');
  });

  test('a missing audit.head is recorded and made anew', async () => {
    const directory = tampered(() => undefined);
    rmSync(join(directory, 'audit.head'));
    const fixture = openAudit(directory);
    await auditedCall(fixture.audit);
    assert.equal(fixture.audit.tail({ limit: 4 })[0]?.action, 'security.chain_broken');
    assert.deepEqual(await fixture.audit.verify(), { ok: true, records: 64 });
    await fixture[Symbol.asyncDispose]();
    assert.match(readFileSync(join(directory, 'audit.head'), 'utf8'), /^64 /);
  });

  test('after a kill the head file lags behind and the chain is sound', async () => {
    const fixture = openAudit(tampered(() => undefined));
    await auditedCall(fixture.audit);
    const headFile = join(fixture.directory, 'audit.head');
    assert.match(readFileSync(headFile, 'utf8'), /^60 /);
    assert.deepEqual(await verifyIn(fixture.directory), { ok: true, records: 63 });
    for (let i = 0; i < 32; i += 1) {
      await Promise.all(Array.from({ length: 11 }, () => auditedCall(fixture.audit)));
    }
    assert.match(readFileSync(headFile, 'utf8'), /^10\d\d /);
    await fixture[Symbol.asyncDispose]();
  });

  for (const durableWithNext of [true, false]) {
    const seen = durableWithNext ? 'what was only written is missed by nobody' : 'control: what was durable is missed';
    test(`after a power cut: ${seen}`, async () => {
      const fixture = openAudit(tampered(() => undefined));
      await auditedCall(fixture.audit);
      const after = createStateDirectory();
      for (const file of ['core.db', 'core.db-wal']) copyFileSync(join(fixture.directory, file), join(after, file));
      const intents = Array.from({ length: 1100 }, () => fixture.audit.begin(intent({ durableWithNext })));
      await Promise.all(intents);
      for (const file of ['audit.head', 'audit.key']) copyFileSync(join(fixture.directory, file), join(after, file));
      await fixture[Symbol.asyncDispose]();
      assert.match(readFileSync(join(fixture.directory, 'audit.head'), 'utf8'), /^1163 /, 'a stop makes all durable');
      const next = openAudit(after);
      assert.deepEqual(
        [next.problems.length, next.audit.finding() === undefined],
        durableWithNext ? [0, true] : [1, false],
      );
      await next[Symbol.asyncDispose]();
    });
  }
});
