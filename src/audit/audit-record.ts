// One audit record as it is stored and read back, and the hash that chains it to the one before.
//
// hash = SHA-256, in hex, of the JSON text of [prev_hash, seq, time_ms, call_id, …, duration_ms] in column order:
// JSON of an array of strings, integers and nulls has one spelling, and any language can recompute it.

import { hash } from 'node:crypto';
import type { ChainHead } from './audit-head-file.ts';

export type AuditKind = 'intent' | 'operation' | 'outcome';

export interface AuditRecord {
  seq: number;
  timeMs: number;
  callId: string;
  requestId: string;
  kind: AuditKind;
  actorKind: string;
  actorId: string;
  transport: string;
  action: string;
  root: string | null;
  operation: string | null;
  path: string | null;
  before: string | null;
  after: string | null;
  /** HMAC-SHA256 with the key in `<state>/audit.key`, hex. */
  argsDigest: string | null;
  replyDigest: string | null;
  /** Arguments or reply as JSON, only where `audit.content` is `full`. */
  content: string | null;
  outcome: string | null;
  code: string | null;
  durationMs: number | null;
  prevHash: string;
  hash: string;
}

/** Columns in the order of the hash, then the two hashes. */
export const AUDIT_SELECT = `SELECT seq, time_ms AS timeMs, call_id AS callId, request_id AS requestId, kind,
  actor_kind AS actorKind, actor_id AS actorId, transport, action, root, operation, path, before_version AS before,
  after_version AS after, args_digest AS argsDigest, reply_digest AS replyDigest, content, outcome, code,
  duration_ms AS durationMs, prev_hash AS prevHash, hash FROM audit`;

export const AUDIT_INSERT = `INSERT INTO audit (seq, time_ms, call_id, request_id, kind, actor_kind, actor_id, transport,
  action, root, operation, path, before_version, after_version, args_digest, reply_digest, content, outcome, code,
  duration_ms, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** What stands before the first record. */
export const GENESIS_HASH = '0'.repeat(64);

/** What a record says, without its place in the chain. */
export type AuditFields = Omit<AuditRecord, 'seq' | 'prevHash' | 'hash'>;

export function hashRecord(record: AuditFields, seq: number, prevHash: string): string {
  return hash(
    'sha256',
    JSON.stringify([
      prevHash,
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
    ]),
    'hex',
  );
}

/** What is wrong with a record as the next one behind `previous`; undefined if it is. */
export function linkFault(record: AuditRecord, previous: ChainHead): string | undefined {
  if (record.seq !== previous.seq + 1) return `record ${previous.seq + 1} is missing`;
  if (record.prevHash !== previous.hash) return 'the record does not follow the one before it';
  if (hashRecord(record, record.seq, record.prevHash) !== record.hash)
    return 'the record was changed after it was written';
  return undefined;
}
