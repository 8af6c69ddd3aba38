// The first schema of core.db: keys, audit and usage. Never edited once released; a change is a new migration.

import type { Migration } from '../migration-runner.ts';

export const initMigration: Migration = {
  version: 1,
  name: 'init',
  sql: `
    CREATE TABLE write_probe (id INTEGER PRIMARY KEY CHECK (id = 1), probes INTEGER NOT NULL) STRICT;
    INSERT INTO write_probe (id, probes) VALUES (1, 0);

    CREATE TABLE api_keys (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('client', 'admin')),
      scopes TEXT NOT NULL,
      root TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
      created_ms INTEGER NOT NULL,
      expires_ms INTEGER,
      revoked_ms INTEGER,
      last_used_ms INTEGER,
      rotated_from TEXT REFERENCES api_keys (id)
    ) STRICT;

    CREATE TABLE audit (
      seq INTEGER PRIMARY KEY,
      time_ms INTEGER NOT NULL,
      call_id TEXT NOT NULL,
      request_id TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('intent', 'operation', 'outcome')),
      actor_kind TEXT NOT NULL,
      actor_id TEXT NOT NULL,
      transport TEXT NOT NULL,
      action TEXT NOT NULL,
      root TEXT,
      operation TEXT,
      path TEXT,
      before_version TEXT,
      after_version TEXT,
      args_digest TEXT,
      reply_digest TEXT,
      content TEXT,
      outcome TEXT,
      code TEXT,
      duration_ms INTEGER,
      prev_hash TEXT NOT NULL,
      hash TEXT NOT NULL
    ) STRICT;

    CREATE TRIGGER audit_forbids_update BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;

    CREATE TRIGGER audit_forbids_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;

    CREATE TABLE audit_head (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '${'0'.repeat(64)}');

    CREATE TABLE usage (
      day TEXT NOT NULL,
      hour INTEGER NOT NULL CHECK (hour BETWEEN 0 AND 23),
      key_id TEXT NOT NULL,
      tool TEXT NOT NULL,
      backend TEXT NOT NULL,
      calls INTEGER NOT NULL,
      errors INTEGER NOT NULL,
      input_tokens INTEGER NOT NULL,
      output_tokens INTEGER NOT NULL,
      model_ms INTEGER NOT NULL,
      turns INTEGER NOT NULL,
      notes_read INTEGER NOT NULL,
      notes_written INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL,
      PRIMARY KEY (day, hour, key_id, tool, backend)
    ) STRICT, WITHOUT ROWID;
  `,
};
