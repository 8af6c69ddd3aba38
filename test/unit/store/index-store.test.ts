// index.db: rebuilt from nothing whenever it is corrupt, foreign or of another schema.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { CORE_MIGRATIONS, openCoreStore } from '../../../src/store/core-store.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-index-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const schema = { version: 3, sql: 'CREATE TABLE note (path TEXT PRIMARY KEY)' };
const open = () => openIndexStore({ directory, schema });

describe('index store', () => {
  test('starts empty, keeps its rows, runs at NORMAL', () => {
    const first = open();
    assert.equal(first.isNew, true);
    assert.equal(first.db.pragma('synchronous', { simple: true }), 1);
    first.db.exec("INSERT INTO note VALUES ('a.md')");
    first.close();
    using second = open();
    assert.equal(second.isNew, false);
    assert.equal(second.db.prepare('SELECT count(*) FROM note').pluck().get(), 1);
  });

  test('another schema version, older or newer, is dropped', () => {
    for (const version of [2, 4]) {
      const store = open();
      store.db.exec("INSERT OR IGNORE INTO note VALUES ('a.md')");
      store.db.pragma(`user_version = ${version}`);
      store.close();
      using again = open();
      assert.equal(again.isNew, true);
      assert.equal(again.db.prepare('SELECT count(*) FROM note').pluck().get(), 0);
    }
  });

  test('garbage and a foreign database are dropped', () => {
    writeFileSync(join(directory, 'index.db'), Buffer.alloc(20_000, 0xa5));
    const first = open();
    assert.equal(first.isNew, true);
    first.db.exec('CREATE TABLE foreign_table (a)');
    first.db.pragma('user_version = 0');
    first.close();
    using second = open();
    assert.equal(second.isNew, true);
  });

  test('recreate starts over with a new handle', () => {
    using store = open();
    const before = store.db;
    store.db.exec("INSERT INTO note VALUES ('a.md')");
    const after = store.recreate();
    assert.notEqual(after, before);
    assert.equal(store.db, after);
    assert.equal(after.prepare('SELECT count(*) FROM note').pluck().get(), 0);
  });

  test('an error that is not about the content is not answered with a delete', () => {
    const path = join(directory, 'file');
    writeFileSync(path, 'precious');
    assert.throws(() => openIndexStore({ directory: path, schema }), { code: 'STORE_FAILED' });
    using core = openCoreStore({ directory });
    assert.equal(core.schemaVersion, CORE_MIGRATIONS.length);
  });
});
