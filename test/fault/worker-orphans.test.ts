// The supervising process dies by SIGKILL at random moments: the next one finds the old engine and all that belongs to it,
// ends them, and only then starts a new one. MEMA_FULL=1: 30 kills, else 6. A supervisor that looks for nobody is caught.
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { readProcess } from '../../src/worker/process-table.ts';
import type { WorkerEvent } from '../../src/worker/worker-event.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { until } from '../helpers/until.ts';
import { openTestWorker, type TestWorker } from '../unit/worker/worker-fixture.ts';

const KILLS = process.env['MEMA_FULL'] === '1' ? 30 : 6;
const MAIN = join(import.meta.dirname, '..', 'helpers', 'supervise-main.ts');

interface Supervising {
  child: ChildProcess;
  events: WorkerEvent[];
  isReady(): boolean;
}

function supervise({ options }: TestWorker, planted = ''): Supervising {
  const child = spawn(process.execPath, [MAIN, JSON.stringify(options), planted], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const events: WorkerEvent[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => void events.push(JSON.parse(line) as WorkerEvent));
  return { child, events, isReady: () => events.some((event) => event.kind === 'state' && event.to === 'ready') };
}

async function kill({ child }: Supervising): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function startedPids(file: string): number[] {
  if (!existsSync(file)) return [];
  // The last line may be half written.
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { pid: number }).pid);
}

/** Engines that live at the same time: one is right, more are what must never be. */
function livingEngines(file: string): number[] {
  return startedPids(file).filter((pid) => {
    const row = readProcess(pid);
    return row !== null && !row.isZombie;
  });
}

test(`${KILLS} kills of the supervisor: never two engines, none left`, { timeout: 600_000 }, async (context) => {
  using home = tempDirectory();
  const startsFile = join(home.path, 'starts');
  await using fixture = openTestWorker({
    fakes: { startsFile },
    faults: {
      ignoreSigterm: true,
      children: [{ pidFile: join(home.path, 'child'), setsid: true, ignoresSigterm: true }],
    },
    options: { stopTimeoutMs: 200 },
  });
  let swept = 0;
  for (let round = 0; round < KILLS; round += 1) {
    const supervising = supervise(fixture);
    let most = 0;
    const look = setInterval(() => (most = Math.max(most, livingEngines(startsFile).length)), 5);
    // Every other time in the middle of a start, else when it is ready.
    if (round % 2 === 0) await until('ready', supervising.isReady, 60_000);
    else {
      await until('a start', () => supervising.events.length > 0, 60_000);
      await sleep(Math.random() * 800);
    }
    clearInterval(look);
    assert.ok(most <= 1, `${most} engines lived at once`);
    swept += supervising.events.filter((event) => event.kind === 'swept').length;
    await kill(supervising);
  }
  const last = supervise(fixture);
  await until('ready', last.isReady, 60_000);
  swept += last.events.filter((event) => event.kind === 'swept').length;
  assert.equal(livingEngines(startsFile).length, 1);
  assert.equal(fixture.strays().length, 2, 'the engine and its child');
  assert.ok(swept >= KILLS / 2, `only ${swept} sweeps found somebody`);
  last.child.stdin?.end();
  await once(last.child, 'exit');
  assert.deepEqual(fixture.strays(), []);
  context.diagnostic(`${startedPids(startsFile).length} engines were started, ${swept} sweeps found one`);
});

test('planted bug: a supervisor that looks for nobody starts a second engine, and the check sees it', async () => {
  using home = tempDirectory();
  const startsFile = join(home.path, 'starts');
  await using fixture = openTestWorker({
    fakes: { startsFile },
    // A port of its own each time, or the second would fail for another reason.
    options: { profile: 'llamacpp', model: 'm.gguf', stopTimeoutMs: 200 },
  });
  const first = supervise(fixture, 'blind');
  await until('ready', first.isReady, 60_000);
  await kill(first);
  const second = supervise(fixture, 'blind');
  await until('ready', second.isReady, 60_000);
  assert.equal(livingEngines(startsFile).length, 2);
  await kill(second);
});
