// The daemon as a whole: start to ready with 10,000 notes, resident memory, agent runs a second at 32 concurrent.
// Baseline in the same run: the start of bare `node -e 0`, and one run at a time.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DAEMON_NODE_FLAGS } from '../../src/cli/start-daemon.ts';
import { callTool } from '../helpers/call-tool.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const NOTES = 10_000;
const START_RUNS = 5;
const RUNS_AT_ONCE = 32;

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function writeNotes(directory: string): void {
  mkdirSync(join(directory, 'entities'), { recursive: true });
  writeFileSync(join(directory, 'user.md'), '# User\n- user_name: Bench\n- favorite_color: teal\n');
  for (let index = 0; index < NOTES; index += 1) {
    const text = `# Person ${index}\n- birth_date: 19${String(index % 90).padStart(2, '0')}-01-02\n- city: town ${index % 97}\n`;
    writeFileSync(join(directory, 'entities', `person_${index}.md`), text);
  }
}

function residentMb(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

/** Milliseconds from the start of node to the log line that says ready. */
function readyMs(daemon: DaemonProcess, startedAtMs: number): number {
  const line = /^.*"state":"ready".*$/m.exec(daemon.stderr())?.[0] ?? '{}';
  const { time } = JSON.parse(line) as { time: string };
  return Date.parse(time) - startedAtMs;
}

async function ask(daemon: DaemonProcess): Promise<number> {
  const startedMs = performance.now();
  const answer = await callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', {
    question: 'What is my favorite color?',
  });
  if (!JSON.stringify(answer).includes('teal')) throw new Error(`wrong answer: ${JSON.stringify(answer)}`);
  return performance.now() - startedMs;
}

async function askMany(
  daemon: DaemonProcess,
  total: number,
  atOnce: number,
): Promise<{ runsPerS: number; waits: number[] }> {
  const waits: number[] = [];
  let left = total;
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left > 0) {
        left -= 1;
        waits.push(await ask(daemon));
      }
    }),
  );
  return { runsPerS: (total * 1000) / (performance.now() - startedMs), waits };
}

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-bench-'));
const memoryDir = join(directory, 'memory');
/** As `npm start` starts it. */
const start = (): Promise<DaemonProcess> =>
  startDaemon({
    memoryDir,
    nodeFlags: DAEMON_NODE_FLAGS,
    env: { NODE_COMPILE_CACHE: join(directory, 'compiled') },
  });
try {
  writeNotes(memoryDir);
  const bare: number[] = [];
  const ready: number[] = [];
  for (let run = 0; run < START_RUNS; run += 1) {
    const bareMs = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    bare.push(performance.now() - bareMs);
    const startedAtMs = Date.now();
    await using daemon = await start();
    ready.push(readyMs(daemon, startedAtMs));
  }
  await using daemon = await start();
  await ask(daemon);
  await sleep(20_000);
  const idleMb = residentMb(daemon.pid);
  const alone = await askMany(daemon, 12, 1);
  const crowd = await askMany(daemon, 96, RUNS_AT_ONCE);
  const loadedMb = residentMb(daemon.pid);
  const row = (name: string, value: string, baseline: string): string =>
    `| ${name.padEnd(44)} | ${value.padStart(12)} | ${baseline.padStart(24)} |`;
  process.stdout.write(
    [
      row(
        `start to ready, ${NOTES} notes (median)`,
        `${median(ready).toFixed(0)} ms`,
        `bare node ${median(bare).toFixed(0)} ms`,
      ),
      row('core resident memory, idle', `${idleMb.toFixed(0)} MB`, 'target 150 MB'),
      row('core resident memory, after the load', `${loadedMb.toFixed(0)} MB`, ''),
      row('agent runs a second, one at a time', alone.runsPerS.toFixed(2), ''),
      row(
        `agent runs a second, ${RUNS_AT_ONCE} at once`,
        crowd.runsPerS.toFixed(2),
        `${(crowd.runsPerS / alone.runsPerS).toFixed(2)} x one at a time`,
      ),
      row(
        `wait for the answer, ${RUNS_AT_ONCE} at once, p95`,
        `${percentile(crowd.waits, 0.95).toFixed(0)} ms`,
        `alone p50 ${median(alone.waits).toFixed(0)} ms`,
      ),
      '',
    ].join('\n'),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
