// What the sandbox costs with each engine that this machine can run: a block, a start, memory, runs a second. One table, a
// column an engine, measured in turn. Baseline: a bare Node process, started in the same run.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import { listTree } from '../../src/sandbox/process-tree.ts';
import type { OnCall, Sandbox } from '../../src/sandbox/sandbox.ts';
import { listEngines, type EngineOptions } from '../helpers/sandbox-engines.ts';

const BLOCK = 'content = read_file("user.md")';
const { signal } = new AbortController();
const onCall: OnCall = () => Promise.resolve('# User\n- name: Ada\n');
const directory = mkdtempSync(join(tmpdir(), 'mem-agent-bench-'));

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function startBareNode(): Promise<void> {
  return new Promise((resolve, reject) => {
    spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' })
      .once('close', () => resolve())
      .once('error', reject);
  });
}

async function oneRun(sandbox: Sandbox): Promise<void> {
  await using run = await sandbox.openRun({ onCall, signal });
  await run.execute(BLOCK, { timeoutMs: 20_000, signal });
}

async function measure(engine: EngineOptions): Promise<Record<string, number>> {
  const options = { ...engine, maxProcesses: 8, cacheDirectory: join(directory, engine.engine ?? 'auto') };
  const cold = createSandbox(options);
  const firstStartMs = await timed(() => oneRun(cold));
  await cold[Symbol.asyncDispose]();

  await using sandbox = createSandbox(options);
  const laterStartMs = await timed(() => oneRun(sandbox));
  const startsMs: number[] = [];
  for (let index = 0; index < 10; index += 1) startsMs.push(await timed(() => oneRun(sandbox)));

  const blocksMs: number[] = [];
  let memoryMb = 0;
  {
    await using run = await sandbox.openRun({ onCall, signal });
    const block = (): Promise<unknown> => run.execute(BLOCK, { timeoutMs: 20_000, signal });
    for (let index = 0; index < 50; index += 1) await block();
    for (let index = 0; index < 1000; index += 1) blocksMs.push(await timed(block));
    memoryMb = sum(listTree(process.pid).slice(1).map(ownMemoryMb));
  }
  const eightMs = await timed(() => Promise.all(Array.from({ length: 8 }, () => oneRun(sandbox))));
  const manyMs = await timed(() => Promise.all(Array.from({ length: 32 }, () => oneRun(sandbox))));
  const bareMs: number[] = [];
  for (let index = 0; index < 10; index += 1) bareMs.push(await timed(startBareNode));
  return {
    'warm block p50, ms (target 2)': percentile(blocksMs, 0.5),
    'warm block p95, ms': percentile(blocksMs, 0.95),
    'bare node start and end p50, ms': percentile(bareMs, 0.5),
    'run with no standby p50, ms': percentile(startsMs, 0.5),
    'ratio of a run to a bare node': percentile(startsMs, 0.5) / percentile(bareMs, 0.5),
    'memory of one run of its own (PSS), MB': memoryMb,
    'eight runs at once, ms': eightMs,
    'runs a second, 32 runs by 8': 32_000 / manyMs,
    'first start ever to first result (self-test, snapshot), ms': firstStartMs,
    'later start to first result (self-test), ms': laterStartMs,
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** What is shared counts by its share. */
function ownMemoryMb(pid: number): number {
  const pss = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Number(pss ?? Number.NaN) / 1024;
}

export async function runSandboxBench(): Promise<void> {
  try {
    const columns: { name: string; values: Record<string, number> }[] = [];
    for (const { name, options } of await listEngines()) columns.push({ name, values: await measure(options) });
    const row = (name: string, cells: readonly string[]): string =>
      `${name.padEnd(62)}${cells.map((cell) => cell.padStart(12)).join('')}\n`;
    process.stdout.write(
      row(
        '',
        columns.map(({ name }) => name),
      ),
    );
    for (const name of Object.keys(columns[0]?.values ?? {})) {
      const cells = columns.map(({ values }) => (values[name] ?? Number.NaN).toFixed(2));
      process.stdout.write(row(name, cells));
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (import.meta.main) await runSandboxBench();
