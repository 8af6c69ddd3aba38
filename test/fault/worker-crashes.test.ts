// Many crashes in a row with an unlimited budget: back-off jittered to its cap, no zombie and no orphan at any time, and ready
// soon after the engine is well. MEMA_FULL=1: 200 crashes with the cap of 2 s (about 6 minutes); else 20 with a shorter one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FamilyMark } from '../../src/worker/process-family.ts';
import { readProcess, type ProcessRow } from '../../src/worker/process-table.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { until } from '../helpers/until.ts';
import { openTestWorker } from '../unit/worker/worker-fixture.ts';
import { zombies } from '../unit/worker/zombies.ts';

const IS_FULL = process.env['MEMA_FULL'] === '1';
const CRASHES = IS_FULL ? 200 : 20;
const FIRST_MS = IS_FULL ? 1000 : 20;
const CAP_MS = IS_FULL ? 2000 : 100;
const RECOVERY_MS = 5000;

test(`${CRASHES} crashes in a row`, { timeout: 1_200_000 }, async (context) => {
  using home = tempDirectory();
  await using fixture = openTestWorker({
    faults: {
      crashStarts: { count: CRASHES, file: join(home.path, 'count') },
      crashAtStartAfterMs: 20,
      children: [
        { pidFile: join(home.path, 'group') },
        { pidFile: join(home.path, 'session'), setsid: true, ignoresSigterm: true, holdsPipes: true },
      ],
    },
    options: { backoffFirstMs: FIRST_MS, backoffMaxMs: CAP_MS, restartBudget: -1 },
  });
  const { worker, events } = fixture;
  worker.start();
  let crashes = 0;
  let mostStrays = 0;
  // An engine and its two children at most, however many came before.
  const look = setInterval(() => (mostStrays = Math.max(mostStrays, fixture.strays().length)), 25);
  while (crashes < CRASHES) {
    await until('the next crash', () => worker.status().restarts > crashes, 60_000);
    crashes = worker.status().restarts;
    // A child that has just died is waited for with the next turn of the loop.
    await until('no zombie', () => zombies().length === 0, 1000);
    const { reason, retryAfterS } = worker.unavailable();
    assert.ok(worker.isReady() || (reason !== '' && retryAfterS >= 1));
  }
  const wellMs = performance.now();
  await until('ready', () => worker.isReady(), 30_000);
  const recoveryMs = performance.now() - wellMs;
  clearInterval(look);
  // The engine is well with the start after the last wait.
  assert.ok(recoveryMs - CAP_MS <= RECOVERY_MS, `${recoveryMs} ms`);
  assert.ok(mostStrays > 0 && mostStrays <= 3, `${mostStrays} processes at once`);
  assert.equal(fixture.strays().length, 3);
  assert.deepEqual(zombies(), []);

  const delays = events.flatMap((event) => (event.kind === 'restart' ? [event.delayMs] : []));
  assert.equal(delays.length, CRASHES);
  for (const [index, delayMs] of delays.entries()) {
    const stepMs = Math.min(CAP_MS, FIRST_MS * 2 ** index);
    assert.ok(delayMs >= stepMs / 2 && delayMs <= stepMs, `wait ${index}: ${delayMs} of ${stepMs}`);
  }
  assert.ok(new Set(delays.slice(-10)).size > 5, 'the waits at the cap are jittered');
  assert.ok(!fixture.states().includes('crash_loop'));
  context.diagnostic(`ready ${Math.round(recoveryMs)} ms after the last crash, at most ${mostStrays} processes`);
  await worker[Symbol.asyncDispose]();
  assert.deepEqual(fixture.strays(), []);
});

test('planted bug: a supervisor that ends only what it spawned leaves orphans, and the check sees them', async () => {
  using home = tempDirectory();
  const onlyLeader = ({ leader }: FamilyMark): ProcessRow[] => {
    const row = leader === null ? null : readProcess(leader.pid);
    // Neither its group nor its mark.
    return row === null || row.isZombie ? [] : [{ ...row, groupId: 0 }];
  };
  const file = join(home.path, 'session');
  await using fixture = openTestWorker({
    faults: { children: [{ pidFile: file, setsid: true }] },
    ports: { findFamily: onlyLeader },
  });
  fixture.worker.start();
  await fixture.untilState('ready');
  await fixture.worker[Symbol.asyncDispose]();
  assert.deepEqual(
    fixture.strays().map((row) => row.pid),
    [Number(readFileSync(file, 'utf8'))],
  );
});
