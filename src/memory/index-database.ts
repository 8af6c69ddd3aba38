// The tables of the search index and the statements on them; one set of tables a memory root. Deletable at any time.

import { createHash } from 'node:crypto';
import type BetterSqlite3 from 'better-sqlite3';

export type IndexHandle = BetterSqlite3.Database;

/** For `openIndexStore`: the tables of each root are made when it opens. Raise the version when their form changes. */
export const INDEX_SCHEMA = {
  version: 2,
  sql: 'CREATE TABLE memory_roots (prefix TEXT PRIMARY KEY, name TEXT NOT NULL, directory TEXT NOT NULL) STRICT',
};

/** About 1 ms of work. */
const MERGE_PAGES = 16;

/** Makes the tables of a root, if they are not there, and returns their prefix. */
export function createTables(db: IndexHandle, name: string, directory: string): string {
  const prefix = `root_${createHash('sha256').update(`${name}\0${directory}`).digest('hex').slice(0, 12)}`;
  if (db.prepare('SELECT 1 FROM memory_roots WHERE prefix = ?').get(prefix) !== undefined) return prefix;
  db.transaction(() => {
    db.exec(`
      CREATE TABLE ${prefix}_notes (
        id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, name_key TEXT NOT NULL,
        title_key TEXT NOT NULL, size INTEGER NOT NULL, mtime REAL NOT NULL, ctime REAL NOT NULL
      ) STRICT;
      CREATE INDEX ${prefix}_by_name ON ${prefix}_notes (name_key);
      CREATE INDEX ${prefix}_by_title ON ${prefix}_notes (title_key);
      CREATE TABLE ${prefix}_forward (id INTEGER PRIMARY KEY, weights BLOB NOT NULL) STRICT;
      CREATE VIRTUAL TABLE ${prefix}_words USING fts5(
        words, content = '', contentless_delete = 1, detail = none, tokenize = 'unicode61 remove_diacritics 0'
      );`);
    // Left to itself FTS5 merges whole levels inside some unlucky commit (25 ms); `merge` below does it in small steps.
    for (const [setting, value] of [
      ['automerge', 0n],
      ['crisismerge', 1000n],
    ]) {
      db.prepare(`INSERT INTO ${prefix}_words (${prefix}_words, rank) VALUES (?, ?)`).run(setting, value);
    }
    db.prepare('INSERT INTO memory_roots VALUES (?, ?, ?)').run(prefix, name, directory);
  })();
  return prefix;
}

/** Drops the indexes of other directories that had this name; none of them may be open. */
export function dropOtherTables(db: IndexHandle, name: string, directory: string): void {
  const others = db
    .prepare<[string, string], string>('SELECT prefix FROM memory_roots WHERE name = ? AND directory <> ?')
    .pluck()
    .all(name, directory);
  dropTables(db, others);
}

/** Drops the indexes of roots that have none of these names any more, and returns theirs. */
export function dropRemovedRoots(db: IndexHandle, names: readonly string[]): string[] {
  const removed = db
    .prepare<[], { prefix: string; name: string }>('SELECT prefix, name FROM memory_roots')
    .all()
    .filter(({ name }) => !names.includes(name));
  dropTables(
    db,
    removed.map(({ prefix }) => prefix),
  );
  return [...new Set(removed.map(({ name }) => name))];
}

function dropTables(db: IndexHandle, prefixes: readonly string[]): void {
  if (prefixes.length === 0) return;
  db.transaction(() => {
    for (const prefix of prefixes) {
      for (const table of ['notes', 'forward', 'words']) db.exec(`DROP TABLE IF EXISTS ${prefix}_${table}`);
      db.prepare('DELETE FROM memory_roots WHERE prefix = ?').run(prefix);
    }
  })();
}

export function prepareStatements(db: IndexHandle, prefix: string) {
  const notes = `${prefix}_notes`;
  const words = `${prefix}_words`;
  const forward = `${prefix}_forward`;
  return {
    count: db.prepare<[], number>(`SELECT count(*) FROM ${notes}`).pluck(),
    maxId: db.prepare<[], number>(`SELECT max(id) FROM ${notes}`).pluck(),
    stamp: db.prepare<[string]>(`SELECT id, size, mtime, ctime FROM ${notes} WHERE path = ?`),
    note: db.prepare<[number]>(`SELECT path, title FROM ${notes} WHERE id = ?`),
    countUnder: db
      .prepare<[string, string], number>(`SELECT count(*) FROM ${notes} WHERE path >= ? AND path < ?`)
      .pluck(),
    page: db.prepare<[number]>(`SELECT id, path FROM ${notes} WHERE id > ? ORDER BY id LIMIT 256`),
    named: db
      .prepare<[string, string]>(
        `SELECT path FROM ${notes} WHERE name_key = ? UNION SELECT path FROM ${notes} WHERE title_key = ? LIMIT 100`,
      )
      .pluck(),
    insertNote: db.prepare(
      `INSERT INTO ${notes} (path, title, name_key, title_key, size, mtime, ctime) VALUES (?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertForward: db.prepare(`INSERT INTO ${forward} (id, weights) VALUES (?, ?)`),
    insertWords: db.prepare(`INSERT INTO ${words} (rowid, words) VALUES (?, ?)`),
    merge: db.prepare(`INSERT INTO ${words} (${words}, rank) VALUES ('merge', ${MERGE_PAGES})`),
    changes: db.prepare<[], number>('SELECT total_changes()').pluck(),
    deleteNote: db.prepare(`DELETE FROM ${notes} WHERE id = ?`),
    deleteForward: db.prepare(`DELETE FROM ${forward} WHERE id = ?`),
    deleteWords: db.prepare(`DELETE FROM ${words} WHERE rowid = ?`),
    match: db.prepare<[string, number]>(`SELECT rowid FROM ${words} WHERE ${words} MATCH ? LIMIT ?`).pluck(),
    forward: db
      .prepare<[string]>(`SELECT id, weights FROM ${forward} WHERE id IN (SELECT value FROM json_each(?))`)
      .raw(),
  };
}
