// What makes the audit searchable and provable, and usage small: indexes, signed checkpoints, the anchor up to which old
// records may go, and usage rows that may stand for a whole day (hour -1) or month (hour -2, on its first day).

import type { Migration } from '../migration-runner.ts';

const appendOnly = (table: string, verb: 'UPDATE' | 'DELETE'): string => `
    CREATE TRIGGER ${table}_forbids_${verb.toLowerCase()} BEFORE ${verb} ON ${table}
    BEGIN SELECT RAISE(ABORT, '${table} is append-only'); END;`;

export const provableAuditMigration: Migration = {
  version: 4,
  name: 'provable-audit',
  sql: `
    CREATE INDEX audit_by_time ON audit (time_ms);
    CREATE INDEX audit_by_actor ON audit (actor_id, time_ms);
    CREATE INDEX audit_by_action ON audit (action, time_ms);
    CREATE INDEX audit_by_call ON audit (call_id, time_ms);
    CREATE INDEX audit_by_request ON audit (request_id, time_ms);
    CREATE INDEX audit_by_path ON audit (path, time_ms) WHERE path IS NOT NULL;
    CREATE INDEX audit_by_code ON audit (code, time_ms) WHERE code IS NOT NULL;
    CREATE INDEX audit_by_failure ON audit (outcome, time_ms) WHERE outcome <> 'ok';
    CREATE INDEX audit_of_security ON audit (time_ms) WHERE action GLOB 'security.*';

    CREATE TABLE audit_instance (id INTEGER PRIMARY KEY CHECK (id = 1), origin TEXT NOT NULL) STRICT;
    INSERT INTO audit_instance (id, origin) VALUES (1, lower(hex(randomblob(16))));
    ${appendOnly('audit_instance', 'UPDATE')}
    ${appendOnly('audit_instance', 'DELETE')}

    CREATE TABLE audit_checkpoints (
      seq INTEGER PRIMARY KEY,
      hash TEXT NOT NULL,
      time_ms INTEGER NOT NULL,
      text TEXT NOT NULL
    ) STRICT;
    ${appendOnly('audit_checkpoints', 'UPDATE')}
    ${appendOnly('audit_checkpoints', 'DELETE')}

    CREATE TABLE audit_anchor (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
    INSERT INTO audit_anchor (id, seq, hash) VALUES (1, 0, '${'0'.repeat(64)}');
    ${appendOnly('audit_anchor', 'DELETE')}
    CREATE TRIGGER audit_anchor_moves_to_checkpoints BEFORE UPDATE ON audit_anchor
    WHEN NEW.seq <= OLD.seq OR NOT EXISTS (SELECT 1 FROM audit_checkpoints WHERE seq = NEW.seq AND hash = NEW.hash)
    BEGIN SELECT RAISE(ABORT, 'the anchor only moves forward to a signed checkpoint'); END;

    DROP TRIGGER audit_forbids_delete;
    CREATE TRIGGER audit_forbids_delete BEFORE DELETE ON audit
    WHEN OLD.seq > coalesce((SELECT seq FROM audit_anchor WHERE id = 1), 0)
    BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END;

    CREATE TABLE usage_of_periods (
      day TEXT NOT NULL,
      hour INTEGER NOT NULL CHECK (hour BETWEEN -2 AND 23),
      key_id TEXT NOT NULL,
      tool TEXT NOT NULL,
      backend TEXT NOT NULL,
      calls INTEGER NOT NULL,
      errors INTEGER NOT NULL,
      refused INTEGER NOT NULL DEFAULT 0,
      input_tokens INTEGER NOT NULL,
      output_tokens INTEGER NOT NULL,
      model_ms INTEGER NOT NULL,
      turns INTEGER NOT NULL,
      notes_read INTEGER NOT NULL,
      notes_written INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL,
      cost_micro_usd INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (day, hour, key_id, tool, backend)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO usage_of_periods (day, hour, key_id, tool, backend, calls, errors, input_tokens, output_tokens, model_ms,
                                  turns, notes_read, notes_written, duration_ms, cost_micro_usd)
      SELECT day, hour, key_id, tool, backend, calls, errors, input_tokens, output_tokens, model_ms, turns, notes_read,
             notes_written, duration_ms, cost_micro_usd FROM usage;
    DROP TABLE usage;
    ALTER TABLE usage_of_periods RENAME TO usage;
    CREATE INDEX usage_by_key ON usage (key_id, day);
  `,
};
