// Group commit: one transaction a turn, all or nothing, and nothing of a failed one stays on disk or in memory.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AppError } from '../../../src/lib/app-error.ts';
import { openCoreStore } from '../../../src/store/core-store.ts';
import type { CoreStore } from '../../../src/store/core-store.ts';
import { createGroupCommit } from '../../../src/store/group-commit.ts';
import type { CommitParticipant, GroupCommit } from '../../../src/store/group-commit.ts';

let directory: string;
let store: CoreStore;
let group: GroupCommit;
let commits: number[];
let failures: { code: string; fatal: boolean }[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-group-'));
  store = openCoreStore({ directory, busyTimeoutMs: 20 });
  store.db.exec('CREATE TABLE t (a INTEGER PRIMARY KEY, filler TEXT)');
  commits = [];
  failures = [];
  group = createGroupCommit(store.db, {
    onError: (error, fatal) => failures.push({ code: error.code, fatal }),
    onCommit: (jobs) => commits.push(jobs),
    probe: () => store.probeWrite(),
    probeIntervalMs: 5,
  });
});

afterEach(async () => {
  await group[Symbol.asyncDispose]();
  store.close();
  rmSync(directory, { recursive: true });
});

const insert = (a: number, filler = '') => store.db.prepare('INSERT INTO t VALUES (?, ?)').run(a, filler);
const rows = () => store.db.prepare('SELECT a FROM t ORDER BY a').pluck().all();
const unavailable = { code: 'AUDIT_UNAVAILABLE', status: 503 };

describe('group commit', () => {
  test('jobs of one turn are one transaction, results go to their own promise', async () => {
    const results = await Promise.all([1, 2, 3].map((n) => group.enqueue(() => (insert(n), n * 10))));
    assert.deepEqual(results, [10, 20, 30]);
    assert.deepEqual(commits, [3]);
    await nextTurn();
    await group.enqueue(() => insert(4));
    assert.deepEqual(commits, [3, 1]);
  });

  test('a promise resolves only when another connection can read the row', async () => {
    using other = openCoreStore({ directory });
    const pending = group.enqueue(() => insert(7));
    assert.equal(other.db.prepare('SELECT count(*) FROM t').pluck().get(), 0);
    await pending;
    assert.equal(other.db.prepare('SELECT count(*) FROM t').pluck().get(), 1);
  });

  test('SQLite syncs a commit in which one job must be durable, and no other', async () => {
    const told: unknown[] = [];
    group.register({
      save: () => undefined,
      restore: () => undefined,
      committed: (durability) => told.push(durability),
    });
    const [NORMAL, FULL] = [1, 2];
    const level = (): unknown => store.db.pragma('synchronous', { simple: true });
    assert.deepEqual(await Promise.all([group.enqueue(level, 'written'), group.enqueue(level, 'written')]), [
      NORMAL,
      NORMAL,
    ]);
    assert.equal(await group.enqueue(level), FULL);
    assert.equal(await group.enqueue(level, 'written'), NORMAL);
    assert.deepEqual(await Promise.all([group.enqueue(level, 'written'), group.enqueue(level, 'durable')]), [
      FULL,
      FULL,
    ]);
    assert.deepEqual(told, ['written', 'durable', 'written', 'durable']);
  });

  test('after a failure only a durable commit says that all is well', async () => {
    store.db.pragma('query_only = ON');
    await assert.rejects(
      group.enqueue(() => insert(1)),
      unavailable,
    );
    store.db.pragma('query_only = OFF');
    await group.enqueue(() => insert(1), 'written');
    assert.equal(group.health().state, 'failed');
    await group.enqueue(() => insert(2));
    assert.equal(group.health().state, 'ok');
  });

  test('one bad job is rejected with its own error, its neighbours commit once', async () => {
    const settled = await Promise.allSettled([
      group.enqueue(() => insert(1)),
      group.enqueue(() => {
        insert(2);
        throw new TypeError('mine');
      }),
      group.enqueue(() => insert(1)),
      group.enqueue(() => insert(3)),
    ]);
    assert.deepEqual(
      settled.map((result) => result.status),
      ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
    );
    assert.deepEqual(rows(), [1, 3]);
    assert.equal(settled[1]?.status === 'rejected' && settled[1].reason instanceof TypeError, true);
    assert.deepEqual(failures, []);
  });

  test('state in memory follows the transaction, savepoints included', async () => {
    let head = 0;
    const participant: CommitParticipant = { save: () => head, restore: (saved) => void (head = Number(saved)) };
    group.register(participant);
    const step = (fails: boolean) => () => {
      head += 1;
      insert(head);
      if (fails) throw new Error('mine');
    };
    await Promise.allSettled([group.enqueue(step(false)), group.enqueue(step(true)), group.enqueue(step(false))]);
    assert.equal(head, 2);
    assert.deepEqual(rows(), [1, 2]);
    store.db.pragma('query_only = ON');
    await assert.rejects(group.enqueue(step(false)), unavailable);
    assert.equal(head, 2);
  });

  test('a full disk rejects the whole batch, nothing stays, and it recovers by itself', async () => {
    const pages = Number(store.db.pragma('page_count', { simple: true }));
    store.db.pragma(`max_page_count = ${pages + 2}`);
    const batch = [1, 2, 3, 4].map((n) => group.enqueue(() => insert(n, 'x'.repeat(9000))));
    for (const result of await Promise.allSettled(batch)) {
      assert.equal(result.status, 'rejected');
      assert.equal((result.reason as AppError).code, 'AUDIT_UNAVAILABLE');
      assert.match((result.reason as AppError).userMessage, /SQLITE_FULL.*Free space/s);
    }
    assert.deepEqual(rows(), []);
    assert.deepEqual(failures[0], { code: 'AUDIT_UNAVAILABLE', fatal: false });
    assert.equal(group.health().state, 'failed');
    store.db.pragma('max_page_count = 1000000');
    await group.enqueue(() => insert(5));
    assert.deepEqual(rows(), [5]);
    assert.equal(group.health().state, 'ok');
  });

  test('without traffic the probe finds out that writes work again', async () => {
    store.db.pragma('query_only = ON');
    await assert.rejects(
      group.enqueue(() => insert(1)),
      unavailable,
    );
    assert.equal(group.health().state, 'failed');
    await sleep(20);
    assert.equal(group.health().state, 'failed');
    store.db.pragma('query_only = OFF');
    for (let wait = 0; group.health().state !== 'ok' && wait < 400; wait += 1) await sleep(5);
    assert.equal(group.health().state, 'ok');
  });

  test('a database held by another process is a refusal that names it, and passes', async () => {
    using other = openCoreStore({ directory });
    other.db.exec('BEGIN IMMEDIATE');
    await assert.rejects(
      group.enqueue(() => insert(1)),
      { ...unavailable, hint: /Another process holds/ },
    );
    other.db.exec('ROLLBACK');
    await group.enqueue(() => insert(1));
    assert.deepEqual(rows(), [1]);
  });

  test('after a sign of corruption nothing is acknowledged any more', async () => {
    const { SqliteError } = (await import('better-sqlite3')).default;
    const corrupt = group.enqueue(() => {
      throw new SqliteError('planted', 'SQLITE_CORRUPT');
    });
    await assert.rejects(corrupt, unavailable);
    assert.deepEqual(failures, [{ code: 'AUDIT_UNAVAILABLE', fatal: true }]);
    await assert.rejects(
      group.enqueue(() => insert(1)),
      unavailable,
    );
    assert.deepEqual(rows(), []);
  });

  test('disposal writes what is queued and refuses what comes later', async () => {
    const last = group.enqueue(() => insert(9));
    await group[Symbol.asyncDispose]();
    await last;
    assert.deepEqual(rows(), [9]);
    await assert.rejects(
      group.enqueue(() => insert(10)),
      unavailable,
    );
  });
});
