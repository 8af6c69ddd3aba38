// Recomputes the whole chain and says where it first fails.
//
// What this proves: no record was changed, removed, inserted or moved by someone who did not also recompute every hash
// after it; nor was the end cut off, unless `audit_head` and `audit.head` were set back too. Whoever may write the whole
// state directory can forge all three; only a head kept elsewhere (an export, a signed checkpoint) would show that.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import { isCorruption } from '../store/sqlite-failure.ts';
import type { Db } from '../store/sqlite.ts';
import { readHeadFile } from './audit-head-file.ts';
import type { ChainHead } from './audit-head-file.ts';
import { AUDIT_SELECT, GENESIS_HASH, hashRecord } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';

export interface AuditVerification {
  ok: boolean;
  /** Records that were checked and found sound before the first bad one. */
  records: number;
  firstBadSeq?: number;
  reason?: string;
}

export interface VerifyAuditChainOptions {
  db: Db;
  /** `<state>/audit.head`. */
  headFile: string;
}

/** Records a turn of the event loop; a running daemon keeps serving meanwhile. */
const CHUNK = 1000;

export async function verifyAuditChain(options: VerifyAuditChainOptions): Promise<AuditVerification> {
  try {
    return await verify(options);
  } catch (error) {
    if (error instanceof AppError && error.code === 'AUDIT_CHAIN_BROKEN') return bad(0, undefined, error.message);
    if (isCorruption(error)) return bad(0, undefined, 'the database file is damaged');
    throw error;
  }
}

async function verify({ db, headFile }: VerifyAuditChainOptions): Promise<AuditVerification> {
  // The file first: it may lag behind the rows, so an honest one is never ahead of what is read after it.
  const fileHead = readHeadFile(headFile);
  const { last, stored } = readEnds(db);
  const page = db.prepare<[number, number], AuditRecord>(
    `${AUDIT_SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${CHUNK}`,
  );
  let previous: ChainHead = { seq: 0, hash: GENESIS_HASH };
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const records = page.all(after, last.seq);
    for (const record of records) {
      const reason = findFault(record, previous, fileHead);
      if (reason !== undefined) return bad(previous.seq, record.seq, reason);
      previous = { seq: record.seq, hash: record.hash };
    }
    if (records.length < CHUNK) break;
    after = previous.seq;
    await nextTurn();
  }
  return checkEnds(previous, stored, fileHead);
}

function findFault(record: AuditRecord, previous: ChainHead, fileHead: ChainHead | undefined): string | undefined {
  if (record.seq !== previous.seq + 1) return `record ${previous.seq + 1} is missing`;
  if (record.prevHash !== previous.hash) return 'the record does not follow the one before it';
  if (hashRecord(record, record.seq, record.prevHash) !== record.hash)
    return 'the record was changed after it was written';
  if (record.seq === fileHead?.seq && record.hash !== fileHead.hash) return 'audit.head knows another record here';
  return undefined;
}

function checkEnds(last: ChainHead, stored: ChainHead | undefined, file: ChainHead | undefined): AuditVerification {
  if (stored === undefined) return bad(last.seq, last.seq, 'the audit_head row is missing');
  if (stored.seq > last.seq) return bad(last.seq, last.seq + 1, `records up to ${stored.seq} were cut off`);
  if (stored.seq < last.seq) return bad(last.seq, stored.seq + 1, 'records were added behind audit_head');
  if (stored.hash !== last.hash) return bad(last.seq, last.seq, 'audit_head knows another last record');
  if (file === undefined && last.seq > 0) return bad(last.seq, undefined, 'audit.head is missing');
  if (file !== undefined && file.seq > last.seq)
    return bad(last.seq, last.seq + 1, `records up to ${file.seq} were cut off`);
  if (file?.seq === 0 && file.hash !== GENESIS_HASH) return bad(last.seq, undefined, 'audit.head was changed');
  return { ok: true, records: last.seq };
}

function readEnds(db: Db): { last: ChainHead; stored: ChainHead | undefined } {
  return db.transaction(() => ({
    last: db.prepare<[], ChainHead>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() ?? {
      seq: 0,
      hash: GENESIS_HASH,
    },
    stored: db.prepare<[], ChainHead>('SELECT seq, hash FROM audit_head WHERE id = 1').get(),
  }))();
}

function bad(records: number, firstBadSeq: number | undefined, reason: string): AuditVerification {
  return { ok: false, records, reason, ...(firstBadSeq === undefined ? {} : { firstBadSeq }) };
}
