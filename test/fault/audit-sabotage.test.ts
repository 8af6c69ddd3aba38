// The audit is disabled in many ways, one after another and again and again, while clients write and read without a pause. In
// the end every note that was written has its record, every call its intent, and usage says what the audit says.
// Needs root for `chattr`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { callTool } from '../helpers/call-tool.ts';
import { directoryContent } from '../helpers/directory-content.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

const CALLS = process.env['MEMA_FULL'] === '1' ? 10_000 : 4000;
const CLIENTS = 16;
const SABOTAGE_MS = 250;
const PAUSE_MS = 500;
const NEEDS_REFUSAL = [
  'the files are immutable',
  'the table is gone',
  'a trigger stops inserts',
  'the database is deleted',
];

type Sabotage = (stateDir: string) => Disposable;

const SABOTAGES: Record<string, Sabotage> = {
  'the files are immutable'(stateDir) {
    const files = ['core.db', 'core.db-wal'].map((name) => join(stateDir, name));
    execFileSync('chattr', ['+i', ...files]);
    return { [Symbol.dispose]: () => void execFileSync('chattr', ['-i', ...files]) };
  },
  'somebody holds the lock'(stateDir) {
    const db = new Database(join(stateDir, 'core.db'));
    db.exec('BEGIN IMMEDIATE');
    return {
      [Symbol.dispose]() {
        db.exec('ROLLBACK');
        db.close();
      },
    };
  },
  'the table is gone': (stateDir) =>
    statements(stateDir, 'ALTER TABLE audit RENAME TO audit_away', 'ALTER TABLE audit_away RENAME TO audit'),
  'a trigger stops inserts': (stateDir) =>
    statements(
      stateDir,
      "CREATE TRIGGER no_audit BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'sabotage'); END",
      'DROP TRIGGER no_audit',
    ),
  'usage can’t be written': (stateDir) =>
    statements(stateDir, 'ALTER TABLE usage RENAME TO usage_away', 'ALTER TABLE usage_away RENAME TO usage'),
  'the database is deleted'(stateDir) {
    const [file, kept] = [join(stateDir, 'core.db'), join(stateDir, 'core.kept')];
    linkSync(file, kept);
    rmSync(file);
    return { [Symbol.dispose]: () => renameSync(kept, file) };
  },
};

function statements(stateDir: string, sabotage: string, repair: string): Disposable {
  const run = (sql: string): void => {
    const db = new Database(join(stateDir, 'core.db'), { timeout: 5000 });
    db.exec(sql);
    db.close();
  };
  run(sabotage);
  return { [Symbol.dispose]: () => run(repair) };
}

interface Load {
  made: number;
  acknowledged: string[];
  refused: number;
}

test(
  `${CALLS} calls while the audit is disabled in ${Object.keys(SABOTAGES).length} ways`,
  { timeout: 600_000 },
  async (t) => {
    using home = tempDirectory();
    const [stateDir, memoryDir] = [join(home.path, 'state'), join(home.path, 'memory')];
    mkdirSync(memoryDir);
    await using daemon = await startDaemon({ stateDir, memoryDir, flags: ['--sandbox.standby', '0'] });
    const target = { url: daemon.url, key: daemon.keys.client };
    const load: Load = { made: 0, acknowledged: [], refused: 0 };
    const isOver = (): boolean => load.made >= CALLS;
    const client = async (number: number): Promise<void> => {
      for (let index = 0; !isOver(); index += 1) {
        const path = `load/${number}-${index}.md`;
        load.made += 1;
        const answer =
          index % 4 === 3
            ? await callTool(target, 'search', { query: 'load' })
            : await callTool(target, 'create_file', { path, content: `# ${path}\n` });
        if (answer.ok && index % 4 !== 3) load.acknowledged.push(path);
        if (answer.ok) continue;
        load.refused += 1;
        assert.equal(answer.code, 'AUDIT_UNAVAILABLE', `${answer.status} ${answer.text}`);
        // As a client that has been told to come back later.
        await sleep(20);
      }
    };
    const rounds = new Map<string, number>();
    const sabotage = async (): Promise<void> => {
      while (!isOver()) {
        for (const [name, disable] of Object.entries(SABOTAGES)) {
          using _disabled = disable(stateDir);
          rounds.set(name, (rounds.get(name) ?? 0) + 1);
          await sleep(SABOTAGE_MS);
          if (NEEDS_REFUSAL.includes(name))
            assert.equal((await callTool(target, 'search', { query: 'now' })).code, 'AUDIT_UNAVAILABLE', name);
        }
        await sleep(PAUSE_MS);
      }
    };
    await Promise.all([sabotage(), ...Array.from({ length: CLIENTS }, (_, number) => client(number))]);
    t.diagnostic(
      JSON.stringify({ ...load, acknowledged: load.acknowledged.length, rounds: Object.fromEntries(rounds) }),
    );
    assert.ok([...rounds.values()].every((count) => count > 0) && rounds.size === Object.keys(SABOTAGES).length);
    assert.ok(load.refused > 0 && load.acknowledged.length > 0);
    await until(async () => (await callTool(target, 'memory_status', {})).ok);
    const verdict = JSON.parse((await daemon.cli('audit', 'verify', '--json')).stdout) as { ok: boolean };
    assert.equal(verdict.ok, true, JSON.stringify(verdict));
    assert.equal((await daemon.stop()).code, 0, daemon.stderr());

    using db = openReadOnly(join(stateDir, 'core.db'));
    const recorded = new Set(
      db.all<{ path: string }>("SELECT path FROM audit WHERE kind = 'operation'").map(({ path }) => path),
    );
    const written = Object.keys(directoryContent(memoryDir)).filter((path) => path.startsWith('load/'));
    assert.deepEqual(
      written.filter((path) => !recorded.has(path)),
      [],
      'notes that nobody recorded',
    );
    assert.deepEqual(
      load.acknowledged.filter((path) => !existsSync(join(memoryDir, path))),
      [],
    );
    const orphans = db.all(
      "SELECT seq FROM audit AS r WHERE kind <> 'intent' AND action LIKE 'tool.%' AND NOT EXISTS (SELECT 1 FROM audit WHERE call_id = r.call_id AND kind = 'intent')",
    );
    assert.deepEqual(orphans, [], 'records without an intent');
    const outcomes = db.all(
      "SELECT action, count(*) AS calls FROM audit WHERE kind = 'outcome' AND action LIKE 'tool.%' GROUP BY action ORDER BY action",
    );
    const usage = db.all(
      "SELECT 'tool.' || tool AS action, sum(calls) AS calls FROM usage GROUP BY tool ORDER BY action",
    );
    assert.deepEqual(usage, outcomes);
  },
);

function openReadOnly(path: string): Disposable & { all<Row>(sql: string): Row[] } {
  const db = new Database(path, { readonly: true });
  return { all: <Row>(sql: string) => db.prepare<[], Row>(sql).all(), [Symbol.dispose]: () => void db.close() };
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadlineMs = performance.now() + 20_000; !(await isSo()); await sleep(100))
    assert.ok(performance.now() < deadlineMs, 'it never took calls again');
}
