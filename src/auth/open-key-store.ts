// API keys: made, listed, revoked, rotated, and verified on every request from a map in memory that follows the table. A
// change by any process counts from the next request. Audit of key changes is the caller's; usage of a key is noted here.

import { timingSafeEqual } from 'node:crypto';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { CoreStore } from '../store/core-store.ts';
import type { GroupCommit } from '../store/group-commit.ts';
import { createApiKeyText, createKeyId, digestApiKey, parseApiKey } from './api-key.ts';
import type { KeyKind } from './api-key.ts';
import { parseKeyChange, parseKeyRequest } from './key-request.ts';
import type { CheckedKeyRequest, CreateKeyRequest, KeyChange } from './key-request.ts';
import { createKeyTable } from './key-table.ts';
import type { KeyRow, KeyTable } from './key-table.ts';
import type { Policy } from './policy.ts';
import type { Principal, Scope } from './principal.ts';

export interface KeyStoreOptions {
  store: CoreStore;
  clock: Clock;
  groupCommit: GroupCommit;
}

/** `unusable`: its stored policy can't be read; it gives nothing until it is given another. */
export type KeyState = 'active' | 'expired' | 'revoked' | 'unusable';

/** What may be shown of a key. */
export interface KeyInfo {
  id: string;
  name: string;
  kind: KeyKind;
  scopes: readonly Scope[];
  root: string;
  state: KeyState;
  createdAtMs: number;
  expiresAtMs: number | null;
  revokedAtMs: number | null;
  lastUsedAtMs: number | null;
  rotatedFrom: string | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  policy: Policy;
}

/** The only place where the key itself appears: show it once, store it nowhere. */
export interface CreatedKey extends KeyInfo {
  key: string;
}

/** `network`: good, but not where it was used; told by the listeners, who know the address. */
export type KeyFailure = 'missing' | 'malformed' | 'unknown' | 'revoked' | 'expired' | 'unusable' | 'network';

export interface KeyStore extends AsyncDisposable {
  create(request: CreateKeyRequest): Promise<CreatedKey>;
  list(): KeyInfo[];
  /** Throws `NOT_FOUND`; a key that is revoked already stays as it is. */
  revoke(id: string): Promise<KeyInfo>;
  /** A new key like the old one, which ends after `overlapMs` (0: at once). */
  rotate(id: string, options: { overlapMs: number }): Promise<CreatedKey>;
  /** Counts from the next request. Throws `NOT_FOUND`, or `INVALID_INPUT` for a key that is revoked. */
  change(id: string, wanted: KeyChange): Promise<KeyInfo>;
  verify(token: string | undefined): Principal | { failure: KeyFailure };
  /** The caller that a key stands for as it is now; undefined unless the key is active. */
  principalOf(id: string): Principal | undefined;
  /** Calls back whenever a change of the keys, by any process, has been seen; a look is taken with each use of a key. */
  onChange(listener: () => void): void;
}

const TOUCH_EVERY_MS = 60_000;

interface KnownKey {
  row: KeyRow;
  principal: Principal;
  touchedAtMs: number;
}

export function openKeyStore(options: KeyStoreOptions): KeyStore {
  const { clock, groupCommit } = options;
  const table = createKeyTable(options.store.db);
  const touches = new Set<Promise<void>>();
  const listeners: (() => void)[] = [];
  let byDigest = new Map<string, KnownKey>();
  let byId = new Map<string, KnownKey>();
  let seenVersion: unknown;
  reload();

  function reload(): void {
    // Version first: what is committed in between is then seen as a change by the next look.
    seenVersion = table.dataVersion();
    const previous = byDigest;
    byDigest = new Map();
    byId = new Map();
    const rows = table.all();
    const accounts = accountsOf(rows);
    for (const row of rows) {
      const name = row.digest.toString('latin1');
      const touchedAtMs = Math.max(previous.get(name)?.touchedAtMs ?? 0, row.lastUsedAtMs ?? 0);
      const known = { row, principal: principalOf(row, accounts), touchedAtMs };
      byDigest.set(name, known);
      byId.set(row.id, known);
    }
    for (const tell of listeners) tell();
  }

  function followTable(): void {
    if (table.dataVersion() !== seenVersion) reload();
  }

  function verify(token: string | undefined): Principal | { failure: KeyFailure } {
    if (token === undefined || token === '') return { failure: 'missing' };
    const parsed = parseApiKey(token);
    if (parsed === undefined) return { failure: 'malformed' };
    followTable();
    const known = byDigest.get(parsed.digest.toString('latin1'));
    if (known === undefined || !timingSafeEqual(known.row.digest, parsed.digest) || known.row.kind !== parsed.kind) {
      return { failure: 'unknown' };
    }
    const nowMs = clock.nowMs();
    const state = stateOf(known.row, nowMs);
    if (state !== 'active') return { failure: state };
    if (nowMs - known.touchedAtMs >= TOUCH_EVERY_MS) noteUse(known, nowMs);
    return known.principal;
  }

  function principalOfId(id: string): Principal | undefined {
    followTable();
    const known = byId.get(id);
    return known !== undefined && stateOf(known.row, clock.nowMs()) === 'active' ? known.principal : undefined;
  }

  /** Off the hot path: at most one write a minute and key, in the transaction that is due anyway. */
  function noteUse(known: KnownKey, nowMs: number): void {
    known.touchedAtMs = nowMs;
    const touch = groupCommit
      .enqueue(() => table.touch(known.row.id, nowMs))
      .then(() => void (known.row.lastUsedAtMs = nowMs))
      // The group commit has reported it; a minute later the next use is noted instead.
      .catch(() => undefined)
      .finally(() => touches.delete(touch));
    touches.add(touch);
  }

  async function insert(request: CheckedKeyRequest, replaces?: { id: string; endsAtMs: number }): Promise<CreatedKey> {
    const key = createApiKeyText(request.kind);
    const row: KeyRow = {
      ...request,
      id: createKeyId(),
      digest: digestApiKey(key),
      createdAtMs: clock.nowMs(),
      revokedAtMs: null,
      lastUsedAtMs: null,
      rotatedFrom: replaces?.id ?? null,
    };
    await store(groupCommit, () => {
      if (replaces !== undefined) {
        // Looked at again inside the transaction: it may have been revoked since.
        const replaced = find(table, replaces.id);
        if (replaced.revokedAtMs !== null) throw revokedAlready(replaces.id);
        table.expireBy(replaces.id, replaces.endsAtMs);
      }
      table.insert(row);
    });
    reload();
    return { ...infoOf(row, clock.nowMs()), key };
  }

  return {
    verify,
    principalOf: principalOfId,
    onChange: (listener) => void listeners.push(listener),
    create: async (request) => insert(parseKeyRequest(request, clock.nowMs())),
    list: () => table.all().map((row) => infoOf(row, clock.nowMs())),
    async revoke(id) {
      await store(groupCommit, () => {
        find(table, id);
        table.revoke(id, clock.nowMs());
      });
      reload();
      return infoOf(find(table, id), clock.nowMs());
    },
    async change(id, wanted) {
      await store(groupCommit, () => {
        const row = find(table, id);
        if (row.revokedAtMs !== null) throw revokedAlready(id);
        const changed = parseKeyChange(wanted, { ...row, policy: row.policy ?? {} });
        table.change(id, wanted.policy === undefined ? { ...changed, policy: row.policy } : changed);
      });
      reload();
      return infoOf(find(table, id), clock.nowMs());
    },
    async rotate(id, { overlapMs }) {
      const nowMs = clock.nowMs();
      if (!Number.isSafeInteger(overlapMs) || overlapMs < 0) {
        throw new AppError('INVALID_INPUT', 'The overlap must be 0 or more', {
          hint: 'For example 24h, or 0 for none',
        });
      }
      const old = find(table, id);
      if (stateOf(old, nowMs) !== 'active') throw revokedAlready(id);
      const { name, kind, scopes, root, expiresAtMs, cloudConsent, cloudBudgetUsdPerMonth, policy } = old;
      // The successor lives as long as its predecessor was meant to.
      const lifetimeMs = expiresAtMs === null ? null : expiresAtMs - old.createdAtMs;
      const successor: CheckedKeyRequest = {
        name,
        kind,
        scopes,
        root,
        expiresAtMs: lifetimeMs === null ? null : nowMs + lifetimeMs,
        cloudConsent,
        cloudBudgetUsdPerMonth,
        policy: policy ?? {},
      };
      return insert(successor, { id, endsAtMs: nowMs + overlapMs });
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all(touches)),
  };
}

/** A change that can't be stored is refused as a whole; errors of our own pass as they are. */
async function store(groupCommit: GroupCommit, job: () => void): Promise<void> {
  try {
    await groupCommit.enqueue(job);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError('STORE_FAILED', 'The API key could not be stored', {
      hint: 'Nothing was changed; look for the cause in the log',
      cause: error,
    });
  }
}

function find(table: KeyTable, id: string): KeyRow {
  const row = table.all().find((candidate) => candidate.id === id);
  if (row !== undefined) return row;
  throw new AppError('NOT_FOUND', `There is no key ${id.slice(0, 40)}`, {
    hint: 'See "mem-agent keys list" for the ids',
  });
}

function revokedAlready(id: string): AppError {
  return new AppError('INVALID_INPUT', `Key ${id} is no longer active`, {
    hint: 'Make a new one: mem-agent keys create',
  });
}

function stateOf(row: KeyRow, nowMs: number): KeyState {
  if (row.revokedAtMs !== null) return 'revoked';
  if (row.expiresAtMs !== null && row.expiresAtMs <= nowMs) return 'expired';
  return row.policy === null ? 'unusable' : 'active';
}

/** The first key of each line of rotations: rotating a key must not give it a second budget. */
function accountsOf(rows: readonly KeyRow[]): ReadonlyMap<string, string> {
  const predecessors = new Map(rows.map(({ id, rotatedFrom }) => [id, rotatedFrom]));
  const firstOf = (id: string): string => {
    let first = id;
    for (let older = predecessors.get(id); typeof older === 'string'; older = predecessors.get(older)) first = older;
    return first;
  };
  return new Map(rows.map(({ id }) => [id, firstOf(id)]));
}

function principalOf(row: KeyRow, accounts: ReadonlyMap<string, string>): Principal {
  return {
    kind: 'key',
    id: row.id,
    name: row.name,
    scopes: new Set(row.scopes),
    root: row.root,
    policy: row.policy ?? {},
    cloud: {
      consent: row.cloudConsent,
      budgetUsdPerMonth: row.cloudBudgetUsdPerMonth,
      account: accounts.get(row.id) ?? row.id,
    },
  };
}

function infoOf(row: KeyRow, nowMs: number): KeyInfo {
  const { digest: _digest, ...shown } = row;
  return { ...shown, policy: row.policy ?? {}, state: stateOf(row, nowMs) };
}
