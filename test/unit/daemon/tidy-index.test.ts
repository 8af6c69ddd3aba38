// The index after roots were removed: theirs is gone and the file smaller, the others' stays; an index that can't be written is no
// reason not to start.
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import { tidyIndex } from '../../../src/daemon/tidy-index.ts';
import { createTables, INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

function listen(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const note = (level: string) => (fields: unknown, text?: string) =>
    void lines.push(`${level} ${text ?? ''} ${JSON.stringify(fields)}`);
  const logger: Logger = {
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
    child: () => logger,
  };
  return { logger, lines };
}

test('what is left of removed roots goes, with its space', () => {
  using home = tempDirectory();
  using store = openIndexStore({ directory: home.path, schema: INDEX_SCHEMA });
  const { logger, lines } = listen();
  const prefixes = ['default', 'work', 'old'].map((name) => createTables(store.db, name, `/srv/${name}`));
  for (const prefix of prefixes) store.db.prepare(`INSERT INTO ${prefix}_forward VALUES (1, zeroblob(3000000))`).run();
  tidyIndex(store.db, ['default', 'work', 'old'], logger);
  assert.deepEqual(lines, []);
  store.db.pragma('wal_checkpoint(TRUNCATE)');
  const before = statSync(store.path).size;
  tidyIndex(store.db, ['default'], logger);
  assert.match(lines.join('\n'), /^info index of removed roots dropped .*\["work","old"\]/);
  assert.ok(statSync(store.path).size < before / 2);
  const tables = store.db.prepare("SELECT name FROM sqlite_schema WHERE name GLOB 'root_*_forward'").pluck().all();
  assert.deepEqual(tables, [`${prefixes[0]}_forward`]);
  assert.deepEqual(store.db.prepare('SELECT name FROM memory_roots').pluck().all(), ['default']);
});

test('an index that cannot be written is told, and left', () => {
  using home = tempDirectory();
  using store = openIndexStore({ directory: home.path, schema: INDEX_SCHEMA });
  createTables(store.db, 'old', '/srv/old');
  store.db.pragma('query_only = 1');
  const { logger, lines } = listen();
  tidyIndex(store.db, ['default'], logger);
  assert.match(lines.join('\n'), /^warn the index of removed roots stays for now/);
  store.db.pragma('query_only = 0');
  tidyIndex(store.db, ['default'], logger);
  assert.equal(lines.length, 2);
});
