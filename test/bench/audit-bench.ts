// What an audit record costs: intent and outcome (with usage) of an authenticated call through the group commit, beside
// bare inserts of rows as wide in the same batches, in the same run. Prints a table; proves nothing by itself.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuditLog } from '../../src/audit/open-audit-log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { openCoreStore } from '../../src/store/core-store.ts';
import { createGroupCommit } from '../../src/store/group-commit.ts';
import { createUsageRecorder } from '../../src/usage/usage-recorder.ts';

const BATCH = 16;
const CALLS = 20_000;
const ROUNDS = 5;

interface Cost {
  cpuUs: number;
  wallUs: number;
}

async function measure(records: number, run: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await run();
  const wallUs = ((performance.now() - started) * 1000) / records;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / records, wallUs };
}

const directory = mkdtempSync(join(tmpdir(), 'mema-bench-'));
const store = openCoreStore({ directory });
const groupCommit = createGroupCommit(store.db, {
  onError: (error) => {
    throw error;
  },
});
const audit = openAuditLog({
  store,
  groupCommit,
  clock: systemClock,
  recordUsage: createUsageRecorder(store.db),
});

const args = { id: 'entities/example-person.md' };
const reply = { id: 'entities/example-person.md', text: 'fact: value\n'.repeat(40) };

async function auditedCall(): Promise<void> {
  const call = await audit.begin(
    {
      requestId: 'req_0123456789abcdef',
      actor: { kind: 'key', id: 'k_0123456789ab' },
      transport: 'http',
      action: 'tool.fetch',
      root: 'default',
      args,
    },
    [{ operation: 'note.read', path: 'entities/example-person.md' }],
  );
  await call.finish({ outcome: 'ok', reply, durationMs: 3, usage: { tool: 'fetch', notesRead: 1 } });
}

async function auditedCalls(): Promise<void> {
  for (let done = 0; done < CALLS; done += BATCH) await Promise.all(Array.from({ length: BATCH }, auditedCall));
}

const bare = (() => {
  const columns = 20;
  store.db.exec(
    `CREATE TABLE bare (seq INTEGER PRIMARY KEY, ${Array.from({ length: columns }, (_, i) => `c${i}`).join(', ')})`,
  );
  const insert = store.db.prepare(`INSERT INTO bare VALUES (NULL, ${Array(columns).fill('?').join(', ')})`);
  const row = ['x'.repeat(36), 'x'.repeat(64), 'x'.repeat(64), 'x'.repeat(64), 'x'.repeat(20), 'key', 'tool.fetch', 1];
  const values = [...row, ...Array<null>(columns - row.length).fill(null)];
  return store.db.transaction((rows: number) => {
    for (let i = 0; i < rows; i += 1) insert.run(...values);
  });
})();

async function bareInserts(): Promise<void> {
  // Intent and operation in one transaction, outcome in the next: as the audited calls commit.
  for (let done = 0; done < CALLS; done += BATCH) {
    bare.immediate(BATCH * 2);
    bare.immediate(BATCH);
  }
}

const lines: string[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const audited = await measure(CALLS * 3, auditedCalls);
  const plain = await measure(CALLS * 3, bareInserts);
  lines.push(
    [
      `${round + 1}`.padEnd(6),
      `${audited.cpuUs.toFixed(1)} us`.padStart(12),
      `${audited.wallUs.toFixed(1)} us`.padStart(12),
      `${Math.round(1e6 / audited.wallUs)}`.padStart(12),
      `${plain.cpuUs.toFixed(1)} us`.padStart(12),
      `${Math.round(1e6 / plain.wallUs)}`.padStart(12),
      (plain.wallUs / audited.wallUs).toFixed(2).padStart(8),
    ].join(''),
  );
}
const started = performance.now();
const verified = await audit.verify();
const verifyUs = ((performance.now() - started) * 1000) / verified.records;

process.stdout.write(
  `${['round', 'audit cpu/rec', 'wall/rec', 'records/s', 'bare cpu', 'bare rec/s', 'ratio'].join('  ')}\n` +
    `${lines.join('\n')}\nverify: ${verified.records} records, ok=${verified.ok}, ${verifyUs.toFixed(1)} us a record\n`,
);
await audit[Symbol.asyncDispose]();
await groupCommit[Symbol.asyncDispose]();
store.close();
rmSync(directory, { recursive: true });
