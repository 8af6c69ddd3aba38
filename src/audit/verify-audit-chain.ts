// Recomputes the whole chain, from its start or the anchor of the last retention, and says where it first fails.
//
// What this proves: no record was changed, removed, inserted or moved by someone who did not also recompute every hash
// after it; nor was the end cut off, unless `audit_head` and `audit.head` were set back too. Whoever may write the whole
// state directory can forge all of it; a checkpoint that was kept elsewhere shows that.

import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import { isCorruption } from '../store/sqlite-failure.ts';
import type { Db } from '../store/sqlite.ts';
import { readHeadFile } from './audit-head-file.ts';
import type { ChainHead } from './audit-head-file.ts';
import { AUDIT_SELECT, GENESIS_HASH, linkFault } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';
import { openCheckpointCheck, type CheckpointCheck } from './check-checkpoints.ts';
import { readAnchor } from './prune-record.ts';

export interface AuditVerification {
  ok: boolean;
  /** Records that were checked and found sound before the first bad one. */
  records: number;
  firstBadSeq?: number;
  reason?: string;
  /** Where the records begin, if older ones were removed by retention: the first record follows this one. */
  anchor?: ChainHead;
  /** Signed checkpoints that fit, the outside ones among them. */
  checkpoints?: number;
}

export interface VerifyQuestion {
  /** Checkpoints kept outside, as text. */
  checkpoints?: readonly string[];
  /** Public keys kept outside: nobody else's signature counts then. */
  publicKeys?: readonly string[];
  /** Rest between two slices, for a check in the background. */
  restMs?: number;
  /** Asked at each rest; true ends the check as if all that is left were sound. */
  isStopped?(): boolean;
}

export interface VerifyAuditChainOptions extends VerifyQuestion {
  db: Db;
  /** `<state>/audit.head`. */
  headFile: string;
  /** Public key that signs here now. */
  ownKey?: string;
}

/** Records a turn of the event loop, about 2 ms; a running daemon keeps serving meanwhile. */
const SLICE = 200;

export async function verifyAuditChain(options: VerifyAuditChainOptions): Promise<AuditVerification> {
  try {
    return await verify(options);
  } catch (error) {
    if (error instanceof AppError && error.code === 'AUDIT_CHAIN_BROKEN') return bad(0, undefined, error.message);
    if (isCorruption(error)) return bad(0, undefined, 'the database file is damaged');
    throw error;
  }
}

interface Ends {
  first: AuditRecord | undefined;
  last: ChainHead;
  stored: ChainHead | undefined;
  anchor: ChainHead | undefined;
}

async function verify(options: VerifyAuditChainOptions): Promise<AuditVerification> {
  const { db, headFile, restMs } = options;
  // The file first: it may lag behind the rows, so an honest one is never ahead of what is read after it.
  const fileHead = readHeadFile(headFile);
  const { ends, check } = db.transaction(() => ({ ends: readEnds(db), check: openCheckpointCheck(options) }))();
  const { last, anchor } = ends;
  if (anchor === undefined) return bad(0, undefined, 'the anchor is missing');
  const rest = (): Promise<void> => (restMs === undefined ? nextTurn() : sleep(restMs, undefined, { ref: false }));
  const signatureFault = await check.findFault(rest);
  if (signatureFault !== undefined) return bad(0, signatureFault.seq, signatureFault.reason);

  const page = db.prepare<[number, number], AuditRecord>(
    `${AUDIT_SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${SLICE}`,
  );
  let previous = beginOf(ends.first, anchor);
  const begin = previous.seq;
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const records = page.all(after, last.seq);
    for (const record of records) {
      const reason =
        findFault(record, previous, fileHead) ?? faultAtAnchor(record, anchor) ?? check.findFaultAt(record);
      if (reason !== undefined) return bad(previous.seq - begin, record.seq, reason);
      previous = { seq: record.seq, hash: record.hash };
    }
    if (records.length < SLICE) break;
    after = previous.seq;
    await rest();
    if (options.isStopped?.() === true) return { ok: true, records: previous.seq - begin };
  }
  const fault = faultOfEnds(previous, ends.stored, fileHead) ?? check.findFaultAtEnd(previous, anchor);
  if (fault !== undefined) return bad(previous.seq - begin, fault.seq, fault.reason);
  return { ok: true, records: previous.seq - begin, ...seen(anchor, check) };
}

/** What the first record must follow: nothing, the anchor, or, while old records are being removed, one before it. */
function beginOf(first: AuditRecord | undefined, anchor: ChainHead): ChainHead {
  if (first === undefined || first.seq > anchor.seq) return anchor;
  return first.seq <= 1 ? { seq: 0, hash: GENESIS_HASH } : { seq: first.seq - 1, hash: first.prevHash };
}

function findFault(record: AuditRecord, previous: ChainHead, fileHead: ChainHead | undefined): string | undefined {
  const fault = linkFault(record, previous);
  if (fault !== undefined) return fault;
  if (record.seq === fileHead?.seq && record.hash !== fileHead.hash) return 'audit.head knows another record here';
  return undefined;
}

function faultAtAnchor(record: AuditRecord, anchor: ChainHead): string | undefined {
  return record.seq === anchor.seq && record.hash !== anchor.hash ? 'the anchor knows another record here' : undefined;
}

interface Fault {
  seq: number | undefined;
  reason: string;
}

function faultOfEnds(last: ChainHead, stored: ChainHead | undefined, file: ChainHead | undefined): Fault | undefined {
  const fault = (seq: number | undefined, reason: string): Fault => ({ seq, reason });
  if (stored === undefined) return fault(last.seq, 'the audit_head row is missing');
  if (stored.seq > last.seq) return fault(last.seq + 1, `records up to ${stored.seq} were cut off`);
  if (stored.seq < last.seq) return fault(stored.seq + 1, 'records were added behind audit_head');
  if (stored.hash !== last.hash) return fault(last.seq, 'audit_head knows another last record');
  if (file === undefined && last.seq > 0) return fault(undefined, 'audit.head is missing');
  if (file !== undefined && file.seq > last.seq) return fault(last.seq + 1, `records up to ${file.seq} were cut off`);
  if (file?.seq === 0 && file.hash !== GENESIS_HASH) return fault(undefined, 'audit.head was changed');
  return undefined;
}

function readEnds(db: Db): Ends {
  return {
    first: db.prepare<[], AuditRecord>(`${AUDIT_SELECT} ORDER BY seq LIMIT 1`).get(),
    last: db.prepare<[], ChainHead>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() ?? {
      seq: 0,
      hash: GENESIS_HASH,
    },
    stored: db.prepare<[], ChainHead>('SELECT seq, hash FROM audit_head WHERE id = 1').get(),
    anchor: readAnchor(db),
  };
}

function seen(anchor: ChainHead, check: CheckpointCheck): Partial<AuditVerification> {
  return {
    ...(anchor.seq > 0 && { anchor }),
    ...(check.count > 0 && { checkpoints: check.count }),
  };
}

function bad(records: number, firstBadSeq: number | undefined, reason: string): AuditVerification {
  return { ok: false, records, reason, ...(firstBadSeq === undefined ? {} : { firstBadSeq }) };
}
