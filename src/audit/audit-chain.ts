// The append end of the chain: gives each record its number and hash, and keeps the head in memory, in the `audit_head`
// row (same transaction) and in `audit.head` (now and then). A failed transaction takes the head back; a head that was
// tampered with is never adopted: the chain goes on from the furthest head known, so that the gap stays provable.

import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { CommitParticipant } from '../store/group-commit.ts';
import type { Db } from '../store/sqlite.ts';
import type { ChainHead } from './audit-head-file.ts';
import { readHeadFile, writeHeadFile } from './audit-head-file.ts';
import { noteFields, ownNote } from './audit-note.ts';
import { AUDIT_INSERT, GENESIS_HASH, hashRecord } from './audit-record.ts';
import type { AuditFields, AuditKind } from './audit-record.ts';

const HEAD_FILE_EVERY = 1000;
const HEAD_FILE_RETRY_MS = 1000;

export interface AuditChainOptions {
  db: Db;
  clock: Clock;
  headFile: string;
  onRecord: (kind: AuditKind) => void;
  /** A damaged chain at the start, or an `audit.head` that could not be written; the audit itself goes on. */
  onProblem: (error: AppError) => void;
}

export interface AuditChain extends CommitParticipant {
  /** Only inside a job of the group commit. */
  append(fields: AuditFields): void;
  /** The last record, durable or not; only inside a job of the group commit. */
  current(): ChainHead;
  /** The last durable record. */
  head(): ChainHead;
  /** What was wrong with the chain when it was opened. */
  finding(): string | undefined;
  /** Brings `audit.head` up to date. */
  close(): void;
}

interface ChainState {
  head: ChainHead;
  appended: readonly AuditKind[];
  dataVersion: unknown;
  unrecorded: string | undefined;
}

export function createAuditChain(options: AuditChainOptions): AuditChain {
  const { db, clock, headFile } = options;
  const insert = db.prepare(AUDIT_INSERT);
  const storeHead = db.prepare(`INSERT INTO audit_head (id, seq, hash) VALUES (1, ?, ?)
    ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`);
  const dataVersion = db.prepare('PRAGMA data_version').pluck();
  const fileHead = readRemembered(headFile);
  // Read before the rows: what another process adds in between is then looked at with the first record.
  let seenDataVersion: unknown = dataVersion.get();
  const opened = db.transaction(() => resolveHead(db, fileHead.head))();
  const openFinding = opened.finding ?? missingHeadFile(fileHead, opened.head, headFile);

  let head = opened.head;
  let appended: AuditKind[] = [];
  let unrecorded = openFinding;
  let durable = head;
  let writtenSeq = -1;
  let retryAtMs = 0;

  function append(record: AuditFields): void {
    const seq = head.seq + 1;
    const hash = hashRecord(record, seq, head.hash);
    insert.run(
      seq,
      record.timeMs,
      record.callId,
      record.requestId,
      record.kind,
      record.actorKind,
      record.actorId,
      record.transport,
      record.action,
      record.root,
      record.operation,
      record.path,
      record.before,
      record.after,
      record.argsDigest,
      record.replyDigest,
      record.content,
      record.outcome,
      record.code,
      record.durationMs,
      head.hash,
      hash,
    );
    head = { seq, hash };
    appended.push(record.kind);
  }

  /** Another process may have appended: its records come first, and ours chain to them. */
  function begin(): void {
    const current = dataVersion.get();
    if (current !== seenDataVersion) {
      seenDataVersion = current;
      const resolved = resolveHead(db, head);
      head = resolved.head;
      unrecorded ??= resolved.finding;
    }
    if (unrecorded === undefined) return;
    const note = { ...ownNote('security.chain_broken', unrecorded, 'error'), code: 'AUDIT_CHAIN_BROKEN' };
    append(noteFields(note, clock.nowMs()));
    unrecorded = undefined;
  }

  function updateHeadFile(): void {
    try {
      writeHeadFile(headFile, durable);
      writtenSeq = durable.seq;
    } catch (cause) {
      retryAtMs = clock.monotonicMs() + HEAD_FILE_RETRY_MS;
      const hint = 'Free space on its disk and make it writable; it is tried again with the next records';
      options.onProblem(new AppError('STORE_FAILED', `Can't write ${headFile}`, { hint, cause }));
    }
  }

  if (openFinding !== undefined) options.onProblem(chainBroken(openFinding));
  else updateHeadFile();

  return {
    append,
    current: () => head,
    head: () => durable,
    finding: () => openFinding,
    begin,
    save: (): ChainState => ({ head, appended: [...appended], dataVersion: seenDataVersion, unrecorded }),
    restore(saved) {
      const state = saved as ChainState;
      head = state.head;
      appended = [...state.appended];
      seenDataVersion = state.dataVersion;
      unrecorded = state.unrecorded;
    },
    beforeCommit() {
      if (head !== durable) storeHead.run(head.seq, head.hash);
    },
    committed(durability) {
      const kinds = appended;
      appended = [];
      // `audit.head` must never know of a record that a power cut takes away.
      if (durability === 'durable') durable = head;
      const isDue = writtenSeq < 0 || durable.seq - writtenSeq >= HEAD_FILE_EVERY;
      if (isDue && unrecorded === undefined && clock.monotonicMs() >= retryAtMs) updateHeadFile();
      for (const kind of kinds) options.onRecord(kind);
    },
    close() {
      if (durable.seq !== writtenSeq && unrecorded === undefined) updateHeadFile();
    },
  };
}

interface RememberedHead {
  head?: ChainHead;
  problem?: string;
}

function readRemembered(headFile: string): RememberedHead {
  try {
    const head = readHeadFile(headFile);
    return head === undefined ? {} : { head };
  } catch (error) {
    if (error instanceof AppError) return { problem: error.message };
    throw error;
  }
}

function missingHeadFile(file: RememberedHead, head: ChainHead, path: string): string | undefined {
  if (file.problem !== undefined) return file.problem;
  return file.head === undefined && head.seq > 0 ? `${path} was missing beside ${head.seq} records` : undefined;
}

/** The furthest head that the table, the head row or our own memory knows, and what they disagree about. */
function resolveHead(db: Db, remembered: ChainHead | undefined): { head: ChainHead; finding?: string } {
  const genesis: ChainHead = { seq: 0, hash: GENESIS_HASH };
  const last = db.prepare<[], ChainHead>('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() ?? genesis;
  const stored = db.prepare<[], ChainHead>('SELECT seq, hash FROM audit_head').get() ?? genesis;
  const known = remembered ?? stored;
  const atKnown =
    known.seq === 0 ? genesis.hash : db.prepare('SELECT hash FROM audit WHERE seq = ?').pluck().get(known.seq);
  let head = known;
  if (stored.seq > head.seq) head = stored;
  if (last.seq > head.seq) head = last;
  if (known.seq > last.seq) return { head, finding: `record ${known.seq} existed, but the last one is ${last.seq}` };
  if (atKnown !== known.hash) return { head, finding: `record ${known.seq} is not the one that was written` };
  if (stored.seq !== last.seq || stored.hash !== last.hash) {
    return { head, finding: `the last record is ${last.seq}, but audit_head says ${stored.seq}` };
  }
  return { head };
}

function chainBroken(finding: string): AppError {
  return new AppError('AUDIT_CHAIN_BROKEN', `The audit chain is damaged: ${finding}`, {
    hint: 'Run "mem-agent audit verify" and compare core.db and audit.head with the last backup',
  });
}
