// The record of a retention, and the anchor it moved: what was removed ended with this record, known by its hash.

import type { Db } from '../store/sqlite.ts';
import type { ChainHead } from './audit-head-file.ts';
import type { AuditRecord } from './audit-record.ts';

export const PRUNE_ACTION = 'audit.prune';

export interface PruneContent extends ChainHead {
  firstSeq: number;
  /** Name of the file that holds what was removed. */
  archive: string | null;
}

export function readAnchor(db: Db): ChainHead | undefined {
  return db.prepare<[], ChainHead>('SELECT seq, hash FROM audit_anchor WHERE id = 1').get();
}

/** Undefined for a record that is none, or that nobody can read. */
export function parsePrune(record: AuditRecord): PruneContent | undefined {
  if (record.action !== PRUNE_ACTION || record.actorKind !== 'system' || record.content === null) return undefined;
  try {
    const content: unknown = JSON.parse(record.content);
    return typeof content === 'object' && content !== null ? (content as PruneContent) : undefined;
  } catch {
    return undefined;
  }
}
