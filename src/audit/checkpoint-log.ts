// Writes signed checkpoints: every so many records, every so many minutes, and at the stop. Each is a row of its own and a
// record of the chain, in one transaction, so that a checkpoint can't be taken away or slipped in unseen.

import type { Clock } from '../lib/clock.ts';
import type { GroupCommit } from '../store/group-commit.ts';
import type { Db } from '../store/sqlite.ts';
import type { AuditChain } from './audit-chain.ts';
import { noteFields, ownNote } from './audit-note.ts';
import { parseCheckpoint, signCheckpoint, type Checkpoint } from './checkpoint.ts';
import type { SigningKey } from './signing-key.ts';

export interface CheckpointSettings {
  key: SigningKey;
  /** The key that signed before; signs the first checkpoint of the new one. */
  previousKey?: SigningKey;
  everyRecords: number;
  everyMs: number;
  /** After it is durable: to be printed where the owner of this machine can't take it back. */
  onCheckpoint(checkpoint: Checkpoint): void;
  /** Another key signed before, and it is not there to vouch for this one. */
  onUnvouchedKey(key: string, previousKey: string): void;
}

export interface CheckpointLog {
  /** Signs the newest record. Undefined if only checkpoints came since the last one. Throws `AUDIT_UNAVAILABLE`. */
  write(): Promise<Checkpoint | undefined>;
  /** After each durable record. */
  recorded(): void;
  close(): Promise<void>;
}

export interface CheckpointParts {
  db: Db;
  groupCommit: GroupCommit;
  chain: AuditChain;
  clock: Clock;
}

export const CHECKPOINT_ACTION = 'audit.checkpoint';

export function createCheckpointLog(parts: CheckpointParts, settings: CheckpointSettings): CheckpointLog {
  const { db, groupCommit, chain, clock } = parts;
  const { key, previousKey } = settings;
  const origin = readOrigin(db);
  const insert = db.prepare('INSERT INTO audit_checkpoints (seq, hash, time_ms, text) VALUES (?, ?, ?, ?)');
  const signedLast = readNewestCheckpoint(db);
  let sinceLast = 0;
  let isWriting = false;
  if (signedLast !== undefined && ![key.publicKey, previousKey?.publicKey].includes(signedLast.key)) {
    settings.onUnvouchedKey(key.publicKey, signedLast.key);
  }

  async function write(): Promise<Checkpoint | undefined> {
    const signed = await groupCommit.enqueue(() => {
      const { seq, hash } = chain.current();
      const newest = readNewestCheckpoint(db);
      // The last checkpoint's own record says nothing new.
      if (seq === 0 || (newest !== undefined && seq <= newest.seq + 1)) return undefined;
      const vouching = newest !== undefined && newest.key === previousKey?.publicKey ? previousKey : undefined;
      const checkpoint = signCheckpoint({ origin, seq, hash, timeMs: clock.nowMs() }, key, vouching);
      insert.run(seq, hash, checkpoint.timeMs, checkpoint.text);
      chain.append(noteFields(ownNote(CHECKPOINT_ACTION, checkpoint.text), checkpoint.timeMs));
      return checkpoint;
    });
    if (signed === undefined) return undefined;
    sinceLast = 0;
    settings.onCheckpoint(signed);
    return signed;
  }

  /** The audit says by itself that it can't write; the next record or minute tries again. */
  function writeInBackground(): void {
    if (isWriting) return;
    isWriting = true;
    write()
      .catch(() => undefined)
      .finally(() => (isWriting = false));
  }

  const timer = setInterval(writeInBackground, settings.everyMs).unref();
  return {
    write,
    recorded() {
      sinceLast += 1;
      if (sinceLast >= settings.everyRecords) writeInBackground();
    },
    async close() {
      clearInterval(timer);
      await write().catch(() => undefined);
    },
  };
}

export function readOrigin(db: Db): string {
  return String(db.prepare('SELECT origin FROM audit_instance WHERE id = 1').pluck().get());
}

export function readNewestCheckpoint(db: Db): Checkpoint | undefined {
  const text = db.prepare<[], string>('SELECT text FROM audit_checkpoints ORDER BY seq DESC LIMIT 1').pluck().get();
  return text === undefined ? undefined : parseCheckpoint(text);
}
