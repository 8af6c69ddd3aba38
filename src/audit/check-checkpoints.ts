// The part of a verification that is about checkpoints: those in the database and those kept outside must be signed by whom
// we trust, and the chain must be what they say. Each stored one has its record in the chain, and the other way round.

import type { Db } from '../store/sqlite.ts';
import type { ChainHead } from './audit-head-file.ts';
import type { AuditRecord } from './audit-record.ts';
import { CHECKPOINT_ACTION, readOrigin } from './checkpoint-log.ts';
import { createCheckpointTrust } from './checkpoint-trust.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import { parsePrune } from './prune-record.ts';

export interface Fault {
  seq: number | undefined;
  reason: string;
}

export interface CheckpointCheckOptions {
  db: Db;
  ownKey?: string;
  /** Kept outside. */
  checkpoints?: readonly string[];
  publicKeys?: readonly string[];
}

export interface CheckpointCheck {
  readonly count: number;
  /** Of the checkpoints themselves, before a record was read. */
  findFault(rest: () => Promise<void>): Promise<Fault | undefined>;
  /** For each record, in order. */
  findFaultAt(record: AuditRecord): string | undefined;
  findFaultAtEnd(last: ChainHead, anchor: ChainHead): Fault | undefined;
}

/** Signatures are slow: so many a turn of the event loop. */
const SLICE = 20;

interface Row {
  seq: number;
  hash: string;
  timeMs: number;
  text: string;
}

export function openCheckpointCheck(options: CheckpointCheckOptions): CheckpointCheck {
  const { db, ownKey, checkpoints: outside = [], publicKeys = [] } = options;
  const origin = readOrigin(db);
  const rows = db
    .prepare<[], Row>('SELECT seq, hash, time_ms AS timeMs, text FROM audit_checkpoints ORDER BY seq')
    .all();
  const stored = new Map<number, Checkpoint>();
  const known: Checkpoint[] = [];
  /** Where the chain must have which hash. */
  const expected = new Map<number, string>();
  const unmatched = new Set<number>();
  let anchorRecorded: ChainHead = { seq: 0, hash: '' };
  let firstSeq = Number.POSITIVE_INFINITY;

  function readStored(row: Row): Checkpoint | undefined {
    const checkpoint = parseCheckpoint(row.text);
    if (checkpoint?.text !== row.text || checkpoint.origin !== origin) return undefined;
    return checkpoint.seq === row.seq && checkpoint.hash === row.hash && checkpoint.timeMs === row.timeMs
      ? checkpoint
      : undefined;
  }

  async function findFault(rest: () => Promise<void>): Promise<Fault | undefined> {
    for (const row of rows) {
      const checkpoint = readStored(row);
      if (checkpoint === undefined) return { seq: row.seq, reason: `the checkpoint at ${row.seq} was changed` };
      stored.set(row.seq, checkpoint);
      unmatched.add(row.seq);
      expected.set(row.seq, row.hash);
    }
    const keys = { given: publicKeys, ...(ownKey !== undefined && { own: ownKey }) };
    const trust = createCheckpointTrust(keys, [...stored.values()]);
    for (const text of outside) {
      const checkpoint = parseCheckpoint(text);
      if (checkpoint === undefined) return { seq: undefined, reason: `"${text.slice(0, 60)}" is no checkpoint` };
      known.push(checkpoint);
    }
    let checked = 0;
    for (const checkpoint of [...stored.values(), ...known]) {
      const fault = trust.findFault(checkpoint);
      if (fault !== undefined) return { seq: checkpoint.seq, reason: `the checkpoint at ${checkpoint.seq}: ${fault}` };
      checked += 1;
      if (checked % SLICE === 0) await rest();
    }
    return known.map(placeOutside).find((fault) => fault !== undefined);
  }

  function placeOutside(checkpoint: Checkpoint): Fault | undefined {
    const { seq, hash } = checkpoint;
    if (checkpoint.origin !== origin) return { seq, reason: `the checkpoint at ${seq} is of another audit` };
    if ((expected.get(seq) ?? hash) !== hash) return { seq, reason: `two checkpoints know different records ${seq}` };
    expected.set(seq, hash);
    return undefined;
  }

  function findFaultAt(record: AuditRecord): string | undefined {
    firstSeq = Math.min(firstSeq, record.seq);
    if ((expected.get(record.seq) ?? record.hash) !== record.hash)
      return 'a signed checkpoint knows another record here';
    const prune = parsePrune(record);
    if (prune !== undefined) anchorRecorded = { seq: prune.seq, hash: prune.hash };
    // The record of a checkpoint follows the one it is about.
    const checkpoint = stored.get(record.seq - 1);
    const isRecord = record.action === CHECKPOINT_ACTION && record.actorKind === 'system';
    if (checkpoint === undefined) return isRecord ? `the checkpoint at ${record.seq - 1} is missing` : undefined;
    if (!isRecord || record.content !== JSON.stringify(checkpoint.text)) {
      return `the checkpoint at ${record.seq - 1} was never recorded`;
    }
    unmatched.delete(record.seq - 1);
    return undefined;
  }

  function findFaultAtEnd(last: ChainHead, anchor: ChainHead): Fault | undefined {
    for (const { seq } of known) {
      if (seq > last.seq) return { seq: last.seq + 1, reason: `records up to ${seq} were cut off` };
      if (seq < firstSeq && seq !== anchor.seq && !stored.has(seq)) {
        return { seq, reason: `record ${seq} was removed by retention: verify the archive that holds it` };
      }
    }
    for (const seq of unmatched) {
      // What retention removed takes the records of its checkpoints along.
      if (seq >= firstSeq || seq >= anchor.seq) return { seq, reason: `the checkpoint at ${seq} was never recorded` };
    }
    if (anchor.seq !== anchorRecorded.seq || (anchor.seq > 0 && anchor.hash !== anchorRecorded.hash)) {
      return { seq: anchor.seq, reason: 'the anchor is not where the last retention put it' };
    }
    if (anchor.seq > 0 && stored.get(anchor.seq)?.hash !== anchor.hash) {
      return { seq: anchor.seq, reason: 'the anchor has no signed checkpoint' };
    }
    return undefined;
  }

  return {
    get count() {
      return stored.size + known.length;
    },
    findFault,
    findFaultAt,
    findFaultAtEnd,
  };
}
