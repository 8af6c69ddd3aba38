// Retention: removes old records up to a signed checkpoint, and never more. What goes is first proven, archived if there is
// a place for it, and the move of the anchor is a record of its own; then rows are deleted in small transactions. A chain
// that does not hold is left as it is: it is evidence.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { GroupCommit } from '../store/group-commit.ts';
import type { Db } from '../store/sqlite.ts';
import { openAuditArchive } from './audit-archive.ts';
import type { AuditChain } from './audit-chain.ts';
import type { ChainHead } from './audit-head-file.ts';
import { noteFields, ownNote } from './audit-note.ts';
import { AUDIT_SELECT, linkFault } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';
import { readOrigin } from './checkpoint-log.ts';
import { PRUNE_ACTION, readAnchor, type PruneContent } from './prune-record.ts';

export interface PruneParts {
  db: Db;
  groupCommit: GroupCommit;
  chain: AuditChain;
  clock: Clock;
}

export interface PruneRequest {
  /** Only records older than this may go. */
  beforeMs: number;
  /** Empty: what goes is gone. */
  archiveDirectory: string;
}

export interface PruneResult {
  removed: number;
  archive: string | null;
}

const READ_SLICE = 200;
const DELETE_SLICE = 200;

/** Throws `AUDIT_CHAIN_BROKEN`, `STORE_FAILED` (the archive) or `AUDIT_UNAVAILABLE`, and then nothing more has gone. */
export async function pruneAudit(parts: PruneParts, request: PruneRequest): Promise<PruneResult> {
  const { db, groupCommit, chain, clock } = parts;
  const anchor = readAnchor(db);
  if (anchor === undefined) throw broken('the anchor is missing', 1);
  const target = findTarget(db, anchor, request.beforeMs);
  if (target === undefined) return { removed: await deleteBehindAnchor(parts), archive: null };
  // What an earlier run left behind the anchor is archived already.
  await deleteBehindAnchor(parts);
  const firstSeq = anchor.seq + 1;
  const archive = await readProven(db, anchor, target, request.archiveDirectory);
  const content: PruneContent = { seq: target.seq, hash: target.hash, firstSeq, archive };
  await groupCommit.enqueue(() => {
    db.prepare('UPDATE audit_anchor SET seq = ?, hash = ? WHERE id = 1').run(target.seq, target.hash);
    chain.append(noteFields(ownNote(PRUNE_ACTION, content), clock.nowMs()));
  });
  return { removed: await deleteBehindAnchor(parts), archive };
}

interface Target extends ChainHead {
  text: string;
}

/** The newest checkpoint that is old enough: no record before it is younger than it. */
function findTarget(db: Db, anchor: ChainHead, beforeMs: number): Target | undefined {
  return db
    .prepare<[number, number], Target>(
      `SELECT seq, hash, text FROM audit_checkpoints WHERE seq > ? AND time_ms < ?
       AND NOT EXISTS (SELECT 1 FROM audit_checkpoints AS earlier
                       WHERE earlier.seq < audit_checkpoints.seq AND earlier.time_ms > audit_checkpoints.time_ms)
       ORDER BY seq DESC LIMIT 1`,
    )
    .get(anchor.seq, beforeMs);
}

/** Follows the chain up to the target, and copies it to the archive on the way. */
async function readProven(db: Db, anchor: ChainHead, target: Target, directory: string): Promise<string | null> {
  const page = db.prepare<[number, number], AuditRecord>(
    `${AUDIT_SELECT} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${READ_SLICE}`,
  );
  await using archive =
    directory === ''
      ? undefined
      : await openAuditArchive({ directory, origin: readOrigin(db), after: anchor, lastSeq: target.seq });
  let previous = anchor;
  while (previous.seq < target.seq) {
    const records = page.all(previous.seq, target.seq);
    if (records.length === 0) throw broken('records are missing', previous.seq + 1);
    for (const record of records) {
      if (linkFault(record, previous) !== undefined) throw broken('it does not follow the one before it', record.seq);
      previous = { seq: record.seq, hash: record.hash };
    }
    await archive?.add(records);
    await nextTurn();
  }
  if (previous.hash !== target.hash) throw broken('its checkpoint knows another one', target.seq);
  return (await archive?.finish(target.text)) ?? null;
}

async function deleteBehindAnchor({ db, groupCommit }: PruneParts): Promise<number> {
  const statement = db.prepare(`DELETE FROM audit WHERE seq IN (
    SELECT seq FROM audit WHERE seq <= (SELECT seq FROM audit_anchor WHERE id = 1) ORDER BY seq LIMIT ${DELETE_SLICE})`);
  let removed = 0;
  for (;;) {
    const { changes } = await groupCommit.enqueue(() => statement.run());
    removed += changes;
    if (changes < DELETE_SLICE) return removed;
    await nextTurn();
  }
}

function broken(why: string, seq: number): AppError {
  return new AppError('AUDIT_CHAIN_BROKEN', `Old audit records were not removed: at record ${seq} ${why}`, {
    hint: 'Run "mem-agent audit verify" and compare core.db with the last backup',
  });
}
