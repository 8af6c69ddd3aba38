// An audit with everything that can be attacked in it: records, checkpoints, a retention, a change of the signing key. Its
// triggers are gone, as somebody with the file in hand would have it.
import { generateKeyPairSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointSettings } from '../../src/audit/checkpoint-log.ts';
import { parseSigningKey, type SigningKey } from '../../src/audit/signing-key.ts';
import { openCoreStore } from '../../src/store/core-store.ts';
import type { Db } from '../../src/store/sqlite.ts';
import { auditedCall, createStateDirectory, openAudit, type AuditFixture } from '../unit/audit/audit-fixture.ts';

export function newSigningKey(): SigningKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return parseSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }), 'test');
}

/** Signs only when it is told to. */
export function checkpointsWith(key: SigningKey, more: Partial<CheckpointSettings> = {}): CheckpointSettings {
  return {
    key,
    everyRecords: 1e9,
    everyMs: 1e6,
    onCheckpoint: () => undefined,
    onUnvouchedKey: () => undefined,
    ...more,
  };
}

export interface SignedAudit extends Disposable {
  db: Db;
  headFile: string;
  /** Signs now, and the one before it. */
  keys: { now: SigningKey; before: SigningKey };
  /** Of a record before the change of the key, and of one after it; as somebody outside kept them. */
  outside: [string, string];
  firstSeq: number;
  lastSeq: number;
}

/** About 60 records. */
export async function makeSignedAudit(): Promise<SignedAudit> {
  const directory = createStateDirectory();
  const before = newSigningKey();
  const now = newSigningKey();
  const outside: string[] = [];
  {
    await using fixture = openAudit(directory, { checkpoints: checkpointsWith(before) });
    await calls(fixture, 5);
    await fixture.audit.checkpoint();
    fixture.advance(1000);
    await calls(fixture, 6);
    outside.push((await fixture.audit.checkpoint())?.text ?? '');
    const pruned = await fixture.audit.prune({ beforeMs: fixture.clock.nowMs(), archiveDirectory: '' });
    if (pruned.removed !== 15) throw new Error(`retention removed ${pruned.removed} records`);
  }
  {
    await using fixture = openAudit(directory, { checkpoints: checkpointsWith(now, { previousKey: before }) });
    fixture.advance(10_000);
    await calls(fixture, 6);
    await fixture.audit.checkpoint();
    await calls(fixture, 3);
    outside.push((await fixture.audit.checkpoint())?.text ?? '');
    await calls(fixture, 3);
  }
  const store = openCoreStore({ directory });
  for (const name of store.db
    .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    .pluck()
    .all()) {
    store.db.exec(`DROP TRIGGER ${name}`);
  }
  const [firstSeq, lastSeq] = store.db.prepare('SELECT min(seq), max(seq) FROM audit').raw().get() as [number, number];
  return {
    db: store.db,
    headFile: join(directory, 'audit.head'),
    keys: { now, before },
    outside: [outside[0] ?? '', outside[1] ?? ''],
    firstSeq,
    lastSeq,
    [Symbol.dispose]() {
      store.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function calls({ audit }: AuditFixture, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) await auditedCall(audit, `${i}.md`);
}
