// The rows of `api_keys`: SQL and nothing else. Only digests are stored; a key itself never reaches the disk.

import { toMicroUsd, toUsd } from '../lib/micro-usd.ts';
import type { Db } from '../store/sqlite.ts';
import type { KeyKind } from './api-key.ts';
import { parseStoredPolicy } from './parse-policy.ts';
import type { Policy } from './policy.ts';
import { SCOPES } from './principal.ts';
import type { Scope } from './principal.ts';

export interface KeyRow {
  id: string;
  name: string;
  kind: KeyKind;
  scopes: readonly Scope[];
  root: string;
  digest: Buffer;
  createdAtMs: number;
  expiresAtMs: number | null;
  revokedAtMs: number | null;
  lastUsedAtMs: number | null;
  rotatedFrom: string | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  /** null: what is stored can't be read, and the key gives nothing. */
  policy: Policy | null;
}

/** What an operator may change of a key that is there. */
export type ChangeableFields = Pick<
  KeyRow,
  'name' | 'scopes' | 'root' | 'expiresAtMs' | 'cloudConsent' | 'cloudBudgetUsdPerMonth' | 'policy'
>;

export interface KeyTable {
  all(): KeyRow[];
  insert(row: KeyRow): void;
  /** True if the key was there and not revoked before. */
  revoke(id: string, nowMs: number): boolean;
  /** Brings the expiry forward, never back. */
  expireBy(id: string, atMs: number): void;
  touch(id: string, usedAtMs: number): void;
  change(id: string, fields: ChangeableFields): void;
  /** Changes whenever another connection, of this or any process, has committed. */
  dataVersion(): unknown;
}

type StoredRow = Omit<KeyRow, 'scopes' | 'cloudConsent' | 'cloudBudgetUsdPerMonth' | 'policy'> & {
  scopes: string;
  cloudConsent: number;
  cloudBudgetMicroUsd: number;
  policy: string;
};

export function createKeyTable(db: Db): KeyTable {
  const select = db.prepare<[], StoredRow>(`SELECT id, name, kind, scopes, root, hash AS digest,
    created_ms AS createdAtMs, expires_ms AS expiresAtMs, revoked_ms AS revokedAtMs, last_used_ms AS lastUsedAtMs,
    rotated_from AS rotatedFrom, cloud_consent AS cloudConsent, cloud_budget_micro_usd AS cloudBudgetMicroUsd,
    policy
    FROM api_keys ORDER BY created_ms, rowid`);
  const insert = db.prepare(`INSERT INTO api_keys (id, name, kind, scopes, root, hash, created_ms, expires_ms,
    revoked_ms, last_used_ms, rotated_from, cloud_consent, cloud_budget_micro_usd, policy)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
  const revoke = db.prepare('UPDATE api_keys SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL');
  const expire = db.prepare('UPDATE api_keys SET expires_ms = min(coalesce(expires_ms, ?), ?) WHERE id = ?');
  const touch = db.prepare('UPDATE api_keys SET last_used_ms = max(coalesce(last_used_ms, 0), ?) WHERE id = ?');
  const change = db.prepare(`UPDATE api_keys SET name = ?, scopes = ?, root = ?, expires_ms = ?, cloud_consent = ?,
    cloud_budget_micro_usd = ?, policy = coalesce(?, policy) WHERE id = ?`);
  const dataVersion = db.prepare('PRAGMA data_version').pluck();
  return {
    all: () => select.all().map(parseRow),
    insert: (row) =>
      void insert.run(
        row.id,
        row.name,
        row.kind,
        row.scopes.join(' '),
        row.root,
        row.digest,
        row.createdAtMs,
        row.expiresAtMs,
        row.revokedAtMs,
        row.lastUsedAtMs,
        row.rotatedFrom,
        row.cloudConsent ? 1 : 0,
        toMicroUsd(row.cloudBudgetUsdPerMonth),
        JSON.stringify(row.policy ?? {}),
      ),
    revoke: (id, nowMs) => revoke.run(nowMs, id).changes === 1,
    expireBy: (id, atMs) => void expire.run(atMs, atMs, id),
    touch: (id, usedAtMs) => void touch.run(usedAtMs, id),
    change: (id, fields) =>
      void change.run(
        fields.name,
        fields.scopes.join(' '),
        fields.root,
        fields.expiresAtMs,
        fields.cloudConsent ? 1 : 0,
        toMicroUsd(fields.cloudBudgetUsdPerMonth),
        // One that can't be read stays as it is, and goes on giving nothing.
        fields.policy === null ? null : JSON.stringify(fields.policy),
        id,
      ),
    dataVersion: () => dataVersion.get(),
  };
}

function parseRow({ scopes, cloudConsent, cloudBudgetMicroUsd, policy, ...row }: StoredRow): KeyRow {
  return {
    ...row,
    scopes: parseStoredScopes(scopes),
    cloudConsent: cloudConsent === 1,
    cloudBudgetUsdPerMonth: toUsd(cloudBudgetMicroUsd),
    policy: parseStoredPolicy(policy),
  };
}

/** A scope this program doesn't know gives nothing. */
function parseStoredScopes(text: string): readonly Scope[] {
  const words = text.split(' ');
  return SCOPES.filter((scope) => words.includes(scope));
}
