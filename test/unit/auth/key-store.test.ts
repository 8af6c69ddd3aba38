// API keys: format and checksum, what is stored, every way to be refused, and changes by another process.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { createApiKeyText, parseApiKey } from '../../../src/auth/api-key.ts';
import { openKeyStore } from '../../../src/auth/open-key-store.ts';
import type { KeyStore } from '../../../src/auth/open-key-store.ts';
import { SCOPES } from '../../../src/auth/principal.ts';
import type { Principal } from '../../../src/auth/principal.ts';
import { openCoreStore } from '../../../src/store/core-store.ts';
import type { CoreStore } from '../../../src/store/core-store.ts';
import { createGroupCommit } from '../../../src/store/group-commit.ts';
import type { GroupCommit } from '../../../src/store/group-commit.ts';
import type { Db } from '../../../src/store/sqlite.ts';

interface Opened extends AsyncDisposable {
  store: CoreStore;
  group: GroupCommit;
  keys: KeyStore;
}

let directory: string;
let nowMs: number;
let commits: number;
let main: Opened;
const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };

function open(): Opened {
  const store = openCoreStore({ directory });
  const group = createGroupCommit(store.db, { onError: () => undefined, onCommit: () => void (commits += 1) });
  const keys = openKeyStore({ store, clock, groupCommit: group });
  return {
    store,
    group,
    keys,
    async [Symbol.asyncDispose]() {
      await keys[Symbol.asyncDispose]();
      await group[Symbol.asyncDispose]();
      store.close();
    },
  };
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-keys-'));
  nowMs = Date.UTC(2026, 10, 23, 12);
  commits = 0;
  main = open();
});
afterEach(async () => {
  await main[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

function principal(result: ReturnType<KeyStore['verify']>): Principal {
  assert.ok('id' in result, JSON.stringify(result));
  return result;
}

describe('the text of a key', () => {
  test('has the documented form and parses back', () => {
    for (const kind of ['client', 'admin'] as const) {
      const text = createApiKeyText(kind);
      assert.match(text, new RegExp(`^mema_${kind}_[0-9A-Za-z]{49}$`));
      assert.equal(parseApiKey(text)?.kind, kind);
    }
    const many = Array.from({ length: 1000 }, () => createApiKeyText('client'));
    assert.equal(new Set(many).size, 1000);
    assert.equal(
      many.every((text) => parseApiKey(text) !== undefined),
      true,
    );
  });

  test('any one changed character breaks it', () => {
    const text = createApiKeyText('client');
    for (let at = 0; at < text.length; at += 1) {
      const changed = text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1);
      assert.equal(parseApiKey(changed), undefined, `position ${at}`);
    }
    for (const other of ['', text.slice(1), `${text} `, `${text}\n`, text.replace('client', 'admin'), text + text]) {
      assert.equal(parseApiKey(other), undefined);
    }
  });

  test('of random strings of the right form at most one in ten million passes the checksum', () => {
    // MEMA_FULL=1 asks all ten million. Expected to pass: 10^7 / 2^32 of them, one in 430 runs.
    const count = process.env['MEMA_FULL'] === '1' ? 10_000_000 : 100_000;
    const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
    const batch = 100_000;
    let passed = 0;
    for (let done = 0; done < count; done += batch) {
      const letters = Array.from(randomBytes(49 * batch), (byte) => alphabet.charCodeAt(byte % 62));
      const text = Buffer.from(letters).toString('latin1');
      for (let at = 0; at < text.length; at += 49) {
        if (parseApiKey(`mema_client_${text.slice(at, at + 49)}`) !== undefined) passed += 1;
      }
    }
    assert.ok(passed <= (count === 100_000 ? 0 : 1), `${passed} of ${count}`);
  });
});

describe('key store', () => {
  test('create gives the default scopes and the key once; verify knows it', async () => {
    const client = await main.keys.create({ name: 'laptop' });
    const admin = await main.keys.create({ name: 'operator', kind: 'admin' });
    const verified = principal(main.keys.verify(client.key));
    assert.deepEqual(
      { ...verified, scopes: [...verified.scopes] },
      {
        kind: 'key',
        id: client.id,
        name: 'laptop',
        scopes: ['agent', 'memory:read', 'memory:write'],
        root: 'default',
        policy: {},
        cloud: { consent: false, budgetUsdPerMonth: 0, account: client.id },
      },
    );
    assert.deepEqual([...principal(main.keys.verify(admin.key)).scopes], [...SCOPES]);
    assert.match(client.id, /^k_[0-9A-Za-z]{12}$/);
    assert.equal(JSON.stringify(main.keys.list()).includes(client.key), false);
  });

  test('only a digest reaches the disk', async () => {
    const { key } = await main.keys.create({ name: 'laptop' });
    for (const file of readdirSync(directory)) {
      const bytes = readFileSync(join(directory, file));
      assert.equal(bytes.includes(key), false, file);
      assert.equal(bytes.includes(key.slice(-30)), false, file);
    }
  });

  test('each refusal has its reason', async () => {
    const { keys } = main;
    const gone = await keys.create({ name: 'gone' });
    const brief = await keys.create({ name: 'brief', expiresAtMs: nowMs + 1000 });
    await keys.revoke(gone.id);
    assert.deepEqual(keys.verify(undefined), { failure: 'missing' });
    assert.deepEqual(keys.verify(''), { failure: 'missing' });
    assert.deepEqual(keys.verify('Bearer x'), { failure: 'malformed' });
    assert.deepEqual(keys.verify(createApiKeyText('client')), { failure: 'unknown' });
    assert.deepEqual(keys.verify(gone.key), { failure: 'revoked' });
    nowMs += 999;
    assert.equal(principal(keys.verify(brief.key)).name, 'brief');
    nowMs += 1;
    assert.deepEqual(keys.verify(brief.key), { failure: 'expired' });
    assert.deepEqual(
      keys.list().map((key) => key.state),
      ['revoked', 'expired'],
    );
  });

  test('made and revoked by another connection: counts from the next request', async () => {
    await using other = open();
    const made = await other.keys.create({ name: 'from the CLI' });
    assert.equal(principal(main.keys.verify(made.key)).id, made.id);
    await other.keys.revoke(made.id);
    assert.deepEqual(main.keys.verify(made.key), { failure: 'revoked' });
  });

  test('rotation: both work until the overlap is over; a revoked key is not brought back', async () => {
    const { keys } = main;
    const old = await keys.create({ name: 'laptop', scopes: ['memory:read'], expiresAtMs: nowMs + 90 * 86_400_000 });
    nowMs += 86_400_000;
    const next = await keys.rotate(old.id, { overlapMs: 3_600_000 });
    assert.deepEqual([next.name, next.scopes, next.rotatedFrom], ['laptop', ['memory:read'], old.id]);
    assert.equal(next.expiresAtMs, nowMs + 90 * 86_400_000);
    nowMs += 3_599_999;
    principal(keys.verify(old.key));
    principal(keys.verify(next.key));
    nowMs += 1;
    assert.deepEqual(keys.verify(old.key), { failure: 'expired' });
    await assert.rejects(keys.rotate(old.id, { overlapMs: 1 }), { code: 'INVALID_INPUT' });
    const last = await keys.rotate(next.id, { overlapMs: 0 });
    assert.deepEqual(keys.verify(next.key), { failure: 'expired' });
    principal(keys.verify(last.key));
  });

  test('a malformed key costs no look into the database; a well-formed one a look at its version, and no row', async () => {
    const { key } = await main.keys.create({ name: 'laptop' });
    const statements: string[] = [];
    const db = spyOn(main.store.db, (sql) => statements.push(sql));
    await using keys = openKeyStore({ store: { ...main.store, db }, clock, groupCommit: main.group });
    const opened = statements.splice(0);
    assert.ok(
      opened.some((sql) => sql.includes('api_keys')),
      'the spy sees what is read',
    );
    for (const bad of [undefined, '', 'x', key.slice(0, -1), `${key.slice(0, -1)}-`, key.replace('client', 'admin')]) {
      assert.ok('failure' in keys.verify(bad));
    }
    assert.deepEqual(statements, []);
    principal(keys.verify(key));
    assert.deepEqual(statements, ['PRAGMA data_version']);
  });

  test('last use is noted at most once a minute', async () => {
    const { key } = await main.keys.create({ name: 'laptop' });
    const before = commits;
    for (let i = 0; i < 50; i += 1) {
      main.keys.verify(key);
      nowMs += 1000;
      await main.group.flush();
    }
    assert.equal(commits - before, 1);
    nowMs += 10_000;
    main.keys.verify(key);
    await main.group.flush();
    assert.equal(commits - before, 2);
    assert.equal(main.keys.list()[0]?.lastUsedAtMs, nowMs);
  });

  test('what cannot be asked for is refused with what can', async () => {
    const { keys } = main;
    const bad = { code: 'INVALID_INPUT' };
    for (const name of ['', ' ', '-x', 'a'.repeat(65), 'a\nb', 'a"b']) await assert.rejects(keys.create({ name }), bad);
    await assert.rejects(keys.create({ name: 'a', scopes: ['memory:reed'] }), { ...bad, hint: /memory:read/ });
    await assert.rejects(keys.create({ name: 'a', scopes: [] }), bad);
    await assert.rejects(keys.create({ name: 'a', scopes: ['admin:write'] }), bad);
    await assert.rejects(keys.create({ name: 'a', root: '../x' }), bad);
    await assert.rejects(keys.create({ name: 'a', expiresAtMs: nowMs }), bad);
    await assert.rejects(keys.revoke('k_nothere'), { code: 'NOT_FOUND' });
    await assert.rejects(keys.rotate('k_nothere', { overlapMs: 0 }), { code: 'NOT_FOUND' });
    assert.deepEqual(keys.list(), []);
  });

  test('a disk that takes no writes: no key is given out, the old ones still work', async () => {
    const { key } = await main.keys.create({ name: 'laptop' });
    main.store.db.pragma('query_only = ON');
    await assert.rejects(main.keys.create({ name: 'second' }), { code: 'AUDIT_UNAVAILABLE' });
    nowMs += 61_000;
    principal(main.keys.verify(key));
    await main.group.flush();
    assert.equal(main.keys.list().length, 1);
  });
});

/** Tells of every statement that is run, when it is run. */
function spyOn(db: Db, onRun: (sql: string) => void): Db {
  const runs = new Set<string | symbol>(['run', 'get', 'all', 'iterate']);
  const spyStatement = <S extends object>(statement: S, sql: string): S =>
    new Proxy(statement, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (runs.has(name)) onRun(sql);
          const result: unknown = Reflect.apply(value, target, args);
          return result === target ? spyStatement(target, sql) : result;
        };
      },
    });
  return new Proxy(db, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name === 'prepare') return (sql: string) => spyStatement(target.prepare(sql), sql);
      return value.bind(target) as unknown;
    },
  });
}
