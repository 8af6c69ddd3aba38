// Ways to tamper with an audit for somebody who has the file, the head file and even the signing key, but not the checkpoints
// that were kept outside. Each leaves the chain different from what was written, as well hidden as it can.
import { writeFileSync } from 'node:fs';
import { AUDIT_INSERT, AUDIT_SELECT, hashRecord, type AuditRecord } from '../../src/audit/audit-record.ts';
import { parseCheckpoint, signCheckpoint } from '../../src/audit/checkpoint.ts';
import type { Db } from '../../src/store/sqlite.ts';
import { newSigningKey, type SignedAudit } from './signed-audit.ts';

export type Random = (below: number) => number;
/** False where the change came to nothing. `headFile` is the attacker's own copy. */
export type Tampering = (audit: SignedAudit, random: Random, headFile: string) => boolean;

const TEXT = [
  'call_id',
  'request_id',
  'actor_id',
  'transport',
  'action',
  'root',
  'operation',
  'path',
  'before_version',
];
const MORE_TEXT = ['after_version', 'args_digest', 'reply_digest', 'content', 'outcome', 'code', 'prev_hash', 'hash'];
const forger = newSigningKey();

const run = (db: Db, sql: string, ...values: (string | number)[]): boolean =>
  db.prepare(sql).run(...values).changes > 0;
const anySeq = ({ firstSeq, lastSeq }: SignedAudit, random: Random): number =>
  firstSeq + random(lastSeq - firstSeq + 1);
const recordAt = (db: Db, seq: number): AuditRecord =>
  db.prepare<[number], AuditRecord>(`${AUDIT_SELECT} WHERE seq = ?`).get(seq) as AuditRecord;
const checkpointSeqs = (db: Db): number[] =>
  db.prepare<[], number>('SELECT seq FROM audit_checkpoints ORDER BY seq').pluck().all();
const pick = <T>(list: readonly T[], random: Random): T => list[random(list.length)] as T;

function setHead(db: Db, headFile: string): void {
  const last = db.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() as {
    seq: number;
    hash: string;
  };
  run(db, 'UPDATE audit_head SET seq = ?, hash = ?', last.seq, last.hash);
  writeFileSync(headFile, `${last.seq} ${last.hash}\n`);
}

/** Every hash from `from` on anew, and every checkpoint signed anew with the stolen key. */
function rewriteFrom({ db, keys }: SignedAudit, from: number, headFile: string): void {
  const signed = new Set(checkpointSeqs(db));
  let previous = from - 1;
  let prevHash = db.prepare('SELECT hash FROM audit WHERE seq = ?').pluck().get(previous) as string | undefined;
  prevHash ??= db.prepare('SELECT hash FROM audit_anchor').pluck().get() as string;
  for (const { seq } of db
    .prepare<[number], { seq: number }>('SELECT seq FROM audit WHERE seq >= ? ORDER BY seq')
    .all(from)) {
    if (signed.has(previous) && previous >= from) {
      const old = parseCheckpoint(
        db.prepare('SELECT text FROM audit_checkpoints WHERE seq = ?').pluck().get(previous) as string,
      );
      if (old !== undefined) {
        const previousKey = old.previousKey === undefined ? undefined : keys.before;
        const { text } = signCheckpoint(
          { ...old, hash: prevHash },
          old.key === keys.now.publicKey ? keys.now : keys.before,
          previousKey,
        );
        run(db, 'UPDATE audit_checkpoints SET hash = ?, text = ? WHERE seq = ?', prevHash, text, previous);
        run(db, 'UPDATE audit SET content = ? WHERE seq = ?', JSON.stringify(text), seq);
      }
    }
    const hash = hashRecord(recordAt(db, seq), seq, prevHash);
    run(db, 'UPDATE audit SET prev_hash = ?, hash = ? WHERE seq = ?', prevHash, hash, seq);
    prevHash = hash;
    previous = seq;
  }
  setHead(db, headFile);
}

/** With the file alone. */
export const PLAIN: Readonly<Record<string, Tampering>> = {
  edit: (audit, random) => {
    const column = pick([...TEXT, ...MORE_TEXT], random);
    return run(
      audit.db,
      `UPDATE audit SET ${column} = coalesce(${column}, '') || 'x' WHERE seq = ?`,
      anySeq(audit, random),
    );
  },
  'edit a number': (audit, random) => {
    const column = pick(['time_ms', 'duration_ms'], random);
    return run(
      audit.db,
      `UPDATE audit SET ${column} = coalesce(${column}, 0) + ? WHERE seq = ?`,
      1 + random(1e6),
      anySeq(audit, random),
    );
  },
  blank: (audit, random) => {
    const column = pick(['root', 'path', 'args_digest', 'code'], random);
    return run(
      audit.db,
      `UPDATE audit SET ${column} = iif(${column} IS NULL, '', NULL) WHERE seq = ?`,
      anySeq(audit, random),
    );
  },
  delete: (audit, random) => run(audit.db, 'DELETE FROM audit WHERE seq = ?', anySeq(audit, random)),
  'delete and close the gap': (audit, random) => {
    const seq = audit.firstSeq + random(audit.lastSeq - audit.firstSeq);
    run(audit.db, 'DELETE FROM audit WHERE seq = ?', seq);
    run(audit.db, 'UPDATE audit SET seq = -seq WHERE seq > ?', seq);
    return run(audit.db, 'UPDATE audit SET seq = -seq - 1 WHERE seq < 0');
  },
  swap: (audit, random) => {
    const [a, b] = [anySeq(audit, random), anySeq(audit, random)];
    run(audit.db, 'UPDATE audit SET seq = -1 WHERE seq = ?', a);
    run(audit.db, 'UPDATE audit SET seq = ? WHERE seq = ?', a, b);
    run(audit.db, 'UPDATE audit SET seq = ? WHERE seq = -1', b);
    return a !== b;
  },
  truncate: (audit, random) => run(audit.db, 'DELETE FROM audit WHERE seq > ?', anySeq(audit, random) - 1),
  'cut off the front': (audit, random) => run(audit.db, 'DELETE FROM audit WHERE seq <= ?', anySeq(audit, random)),
  replay: ({ db, firstSeq, lastSeq }, random, headFile) => {
    const old = recordAt(db, firstSeq + random(lastSeq - firstSeq));
    run(db, 'UPDATE audit_head SET seq = ?, hash = ?', lastSeq + 1, old.hash);
    writeFileSync(headFile, `${lastSeq} ${recordAt(db, lastSeq).hash}\n`);
    return insert(db, { ...old, seq: lastSeq + 1 });
  },
  'move the anchor': ({ db }, random) => {
    const seq = pick(checkpointSeqs(db).slice(1), random);
    const hash = db.prepare('SELECT hash FROM audit_checkpoints WHERE seq = ?').pluck().get(seq) as string;
    if (!run(db, 'UPDATE audit_anchor SET seq = ?, hash = ? WHERE hash <> ?', seq, hash, hash)) return false;
    run(db, 'DELETE FROM audit WHERE seq <= ?', seq);
    return true;
  },
  'take a checkpoint away': ({ db }, random) =>
    run(db, 'DELETE FROM audit_checkpoints WHERE seq = ?', pick(checkpointSeqs(db).slice(1), random)),
  'edit a checkpoint': ({ db }, random) => {
    const seq = pick(checkpointSeqs(db), random);
    const at = 23 + random(300);
    return run(
      db,
      `UPDATE audit_checkpoints SET text = substr(text, 1, ?) || iif(substr(text, ?, 1) = '7', '8', '7') || substr(text, ?)
       WHERE seq = ? AND length(text) > ?`,
      at - 1,
      at,
      at + 1,
      seq,
      at,
    );
  },
  'swap checkpoints': ({ db }, random) => {
    const seqs = checkpointSeqs(db);
    const [a, b] = [pick(seqs, random), pick(seqs, random)];
    run(db, 'UPDATE audit_checkpoints SET seq = -1 WHERE seq = ?', a);
    run(db, 'UPDATE audit_checkpoints SET seq = ? WHERE seq = ?', a, b);
    run(db, 'UPDATE audit_checkpoints SET seq = ? WHERE seq = -1', b);
    return a !== b;
  },
  'replay a checkpoint': ({ db, lastSeq }, random) =>
    run(
      db,
      'INSERT OR IGNORE INTO audit_checkpoints SELECT ?, hash, time_ms, text FROM audit_checkpoints WHERE seq = ?',
      1 + random(lastSeq),
      pick(checkpointSeqs(db), random),
    ),
  'forge a checkpoint': (audit, random) => {
    const { db, keys } = audit;
    const { seq, hash, timeMs } = recordAt(db, anySeq(audit, random));
    const origin = db.prepare('SELECT origin FROM audit_instance').pluck().get() as string;
    const { text } = signCheckpoint({ origin, seq, hash, timeMs }, random(2) === 0 ? forger : keys.now);
    return run(
      db,
      'INSERT OR IGNORE INTO audit_checkpoints (seq, hash, time_ms, text) VALUES (?, ?, ?, ?)',
      seq,
      hash,
      timeMs,
      text,
    );
  },
};

/** With the head file and the stolen signing key too: only an outside checkpoint shows these. */
export const OWNER: Readonly<Record<string, Tampering>> = {
  'rewrite all that follows': (audit, random, headFile) => {
    const upTo = parseCheckpoint(audit.outside[1])?.seq ?? 0;
    const seq = audit.firstSeq + random(upTo - audit.firstSeq + 1);
    // The record of a checkpoint gets its content with the new signature.
    if (recordAt(audit.db, seq).action === 'audit.checkpoint') return false;
    if (recordAt(audit.db, seq).action === 'audit.prune') return false;
    run(audit.db, "UPDATE audit SET actor_id = actor_id || 'x' WHERE seq = ?", seq);
    rewriteFrom(audit, seq, headFile);
    return true;
  },
  'an earlier state put back': ({ db, firstSeq, outside }, random, headFile) => {
    const upTo = parseCheckpoint(outside[1])?.seq ?? 0;
    const seq = firstSeq + 1 + random(upTo - firstSeq - 1);
    // As it was between two transactions: a checkpoint and its record came together.
    const cut = checkpointSeqs(db).includes(seq) ? seq + 1 : seq;
    if (cut >= upTo || cut < firstSeq + 12) return false;
    run(db, 'DELETE FROM audit WHERE seq > ?', cut);
    run(db, 'DELETE FROM audit_checkpoints WHERE seq > ?', cut);
    setHead(db, headFile);
    return true;
  },
};

function insert(db: Db, record: AuditRecord): boolean {
  const { seq, timeMs, callId, requestId, kind, actorKind, actorId, transport, action, root, operation, path } = record;
  const { before, after, argsDigest, replyDigest, content, outcome, code, durationMs, prevHash, hash } = record;
  const first = [seq, timeMs, callId, requestId, kind, actorKind, actorId, transport, action, root, operation, path];
  const rest = [before, after, argsDigest, replyDigest, content, outcome, code, durationMs, prevHash, hash];
  return db.prepare(AUDIT_INSERT).run(...first, ...rest).changes > 0;
}
