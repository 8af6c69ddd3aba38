// core.db: durable settings proven, private files, forward-only migrations, errors that name the fix.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CORE_MIGRATIONS, openCoreStore } from '../../../src/store/core-store.ts';
import { runMigrations } from '../../../src/store/migration-runner.ts';
import { assertSqliteVersion, openSqlite } from '../../../src/store/sqlite.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-core-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const mode = (path: string) => statSync(path).mode & 0o777;

describe('core store', () => {
  test('runs WAL at synchronous FULL with foreign keys', () => {
    using store = openCoreStore({ directory });
    assert.equal(store.db.pragma('journal_mode', { simple: true }), 'wal');
    assert.equal(store.db.pragma('synchronous', { simple: true }), 2);
    assert.equal(store.db.pragma('foreign_keys', { simple: true }), 1);
    assert.equal(store.schemaVersion, CORE_MIGRATIONS.length);
  });

  test('makes the directory 0700 and every file 0600, also where they were wider', () => {
    const state = join(directory, 'state');
    mkdirSync(state);
    chmodSync(state, 0o755);
    writeFileSync(join(state, 'core.db'), '');
    chmodSync(join(state, 'core.db'), 0o644);
    using store = openCoreStore({ directory: state });
    store.probeWrite();
    assert.equal(mode(state), 0o700);
    for (const suffix of ['', '-wal', '-shm']) assert.equal(mode(store.path + suffix), 0o600);
  });

  test('a second open finds the data; both may be open at once', () => {
    using first = openCoreStore({ directory });
    first.db.exec('CREATE TABLE kept (a)');
    using second = openCoreStore({ directory });
    second.db.exec('INSERT INTO kept VALUES (1)');
    assert.equal(first.db.prepare('SELECT a FROM kept').pluck().get(), 1);
  });

  test('a newer schema is refused and left as it is', () => {
    const store = openCoreStore({ directory });
    store.db.pragma('user_version = 99');
    store.close();
    assert.throws(() => openCoreStore({ directory }), {
      code: 'SCHEMA_TOO_NEW',
      hint: /Install the mem-agent version/,
    });
    assert.throws(() => openCoreStore({ directory }), { message: /schema 99/ });
  });

  test('a store of the first release keeps its keys and usage; none of them may use the cloud', () => {
    const old = openSqlite({ path: join(directory, 'core.db'), synchronous: 'FULL', busyTimeoutMs: 100 });
    runMigrations(old, CORE_MIGRATIONS.slice(0, 1));
    old.exec(`INSERT INTO api_keys (id, name, kind, scopes, root, hash, created_ms)
              VALUES ('k_1', 'laptop', 'client', 'agent', 'default', zeroblob(32), 1);
              INSERT INTO usage VALUES ('2026-11-23', 1, 'k_1', 'ask', 'builtin', 2, 0, 3, 4, 5, 6, 7, 8, 9);`);
    old.close();
    using store = openCoreStore({ directory });
    const row = store.db.prepare('SELECT name, cloud_consent, cloud_budget_micro_usd FROM api_keys').get();
    assert.deepEqual(row, { name: 'laptop', cloud_consent: 0, cloud_budget_micro_usd: 0 });
    assert.deepEqual(store.db.prepare('SELECT calls, duration_ms, cost_micro_usd FROM usage').get(), {
      calls: 2,
      duration_ms: 9,
      cost_micro_usd: 0,
    });
  });

  test('a migration that fails leaves the schema before it', () => {
    using store = openCoreStore({ directory });
    store.db.pragma('user_version = 0');
    const good = { version: 1, name: 'good', sql: 'CREATE TABLE good (a);' };
    const bad = { version: 2, name: 'bad', sql: 'CREATE TABLE half (a); CREATE TABLE good (a);' };
    assert.throws(() => runMigrations(store.db, [good, bad]));
    assert.equal(store.db.pragma('user_version', { simple: true }), 1);
    const tables = store.db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('good', 'half')").pluck().all();
    assert.deepEqual(tables, ['good']);
    assert.throws(() => runMigrations(store.db, [bad]), { code: 'INTERNAL' });
  });

  test('what is not a database, or not a directory, is an error that names the fix', () => {
    writeFileSync(join(directory, 'core.db'), 'not a database, but long enough to be one'.repeat(100));
    assert.throws(() => openCoreStore({ directory }), { code: 'STORE_FAILED', hint: /Restore the file/ });
    const file = join(directory, 'file');
    writeFileSync(file, '');
    assert.throws(() => openCoreStore({ directory: file }), { code: 'STORE_FAILED', hint: /state\.dir/ });
    assert.throws(() => openCoreStore({ directory: join(file, 'below') }), {
      code: 'STORE_FAILED',
      hint: /state\.dir/,
    });
  });

  test('SQLite releases with the WAL-reset bug are refused', () => {
    for (const bad of ['3.51.2', '3.7.0', '3.50.99']) {
      assert.throws(() => assertSqliteVersion(bad), { code: 'STORE_FAILED', hint: /npm ci/ });
    }
    for (const good of ['3.51.3', '3.54.1', '4.0.0']) assertSqliteVersion(good);
  });
});
