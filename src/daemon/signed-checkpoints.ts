// The key that signs audit checkpoints, and where they are told: in the log, so that a copy is kept elsewhere.
// Guarantee: a new key in the place of the old one is vouched for by it, if it was left as `audit-signing.old.pem`.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointSettings } from '../audit/checkpoint-log.ts';
import type { SecurityFact } from '../audit/security-log.ts';
import { findSigningKey, loadSigningKey, parseSigningKey } from '../audit/signing-key.ts';
import type { Config } from '../config/config.ts';
import type { Events } from '../telemetry/events.ts';

const MINUTE_MS = 60_000;

/** Throws `CONFIG_INVALID` or `STORE_FAILED` for a key that can't be used. */
export function signedCheckpoints(
  { audit, state }: Config,
  events: Events,
  onUnvouchedKey: (fact: SecurityFact) => void,
): CheckpointSettings {
  const oldFile = join(state.dir, 'audit-signing.old.pem');
  const previousKey = findSigningKey(oldFile);
  const key =
    audit.signingKey === ''
      ? loadSigningKey(join(state.dir, 'audit-signing.pem'))
      : parseSigningKey(audit.signingKey, 'audit.signing_key');
  return {
    key,
    ...(previousKey !== undefined && { previousKey }),
    everyRecords: audit.checkpointRecords,
    everyMs: audit.checkpointMinutes * MINUTE_MS,
    onCheckpoint({ text, seq, previousKey: vouching }) {
      events.auditCheckpoint({ checkpoint: text, seq });
      // It has spoken for its successor; nobody needs it any more.
      if (vouching !== undefined) rmSync(oldFile, { force: true });
    },
    onUnvouchedKey: (newKey, oldKey) =>
      onUnvouchedKey({ event: 'signing_key_changed', details: { newKey, oldKey, vouched: false } }),
  };
}
