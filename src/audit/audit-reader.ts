// Reads audit records back, oldest first, in pages: an export of millions of records never sits in memory.

import { AppError } from '../lib/app-error.ts';
import type { Db } from '../store/sqlite.ts';
import { AUDIT_SELECT } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import { searchAudit } from './search-audit.ts';
import type { AuditPage, AuditQuery } from './search-audit.ts';

export interface AuditTailOptions {
  /** 1 to 1000. */
  limit: number;
  /** The next records after this one (to follow the log) instead of the last ones. */
  afterSeq?: number;
}

export interface AuditExportOptions {
  /** Included. */
  sinceMs?: number;
  /** Not included. */
  untilMs?: number;
  afterSeq?: number;
}

export interface AuditReader {
  tail(options: AuditTailOptions): AuditRecord[];
  exportRows(options?: AuditExportOptions): Generator<AuditRecord, void, undefined>;
  search(query: AuditQuery): AuditPage;
  /** The newest `limit` signed checkpoints, the newest first. */
  checkpoints(limit: number): Checkpoint[];
}

const PAGE = 500;

export function createAuditReader(db: Db): AuditReader {
  const last = db.prepare<[number], AuditRecord>(`${AUDIT_SELECT} ORDER BY seq DESC LIMIT ?`);
  const next = db.prepare<[number, number], AuditRecord>(`${AUDIT_SELECT} WHERE seq > ? ORDER BY seq LIMIT ?`);

  const signed = db.prepare<[number], string>('SELECT text FROM audit_checkpoints ORDER BY seq DESC LIMIT ?').pluck();

  function checkpoints(limit: number): Checkpoint[] {
    return signed.all(limit).flatMap((text) => parseCheckpoint(text) ?? []);
  }

  function tail({ limit, afterSeq }: AuditTailOptions): AuditRecord[] {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new AppError('INVALID_INPUT', `${limit} is not a number of records`, { hint: 'Ask for 1 to 1000' });
    }
    return afterSeq === undefined ? last.all(limit).reverse() : next.all(afterSeq, limit);
  }

  /** By number, not by time: the wall clock may have jumped, so every record is looked at. */
  function* exportRows({ sinceMs = -Infinity, untilMs = Infinity, afterSeq = 0 }: AuditExportOptions = {}) {
    for (let after = afterSeq; ;) {
      const page = next.all(after, PAGE);
      for (const record of page) {
        after = record.seq;
        if (record.timeMs >= sinceMs && record.timeMs < untilMs) yield record;
      }
      if (page.length < PAGE) return;
    }
  }

  return { tail, exportRows, search: (query) => searchAudit(db, query), checkpoints };
}
