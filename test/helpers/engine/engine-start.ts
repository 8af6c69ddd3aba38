// What every test engine does before it answers: counts its start, takes graphics memory, has children, loads or crashes.
import { spawn } from 'node:child_process';
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildFault, EngineFaults } from './engine-faults.ts';
import { claimGpuMemory } from './fake-gpu.ts';
import { maxLifeMs } from './lifetime.ts';

export interface LoadReport {
  /** About 20 times a load. */
  progress(done: number, total: number, elapsedMs: number): void;
  compiling(): void;
  crashed(): void;
}

const LOAD_STEPS = 20;

/** Resolves when the engine may answer; ends the process if a fault says so. */
export async function load(faults: EngineFaults, report: LoadReport): Promise<void> {
  const starts = process.env['MEMA_ENGINE_STARTS'];
  if (starts !== undefined) appendFileSync(starts, `${JSON.stringify({ pid: process.pid, atMs: Date.now() })}\n`);
  const children = (faults.children ?? []).map(startChild);
  claimGpuMemory({ pids: [process.pid, ...children], lingerMs: faults.gpuLingerMs, memoryMib: faults.gpuMemoryMib });
  const exitCode = startFailure(faults);
  if (exitCode !== null) {
    await sleep(faults.crashAtStartAfterMs ?? 0);
    report.crashed();
    process.exit(exitCode);
  }
  const { loadMs = 0, compileMs = 0, loadSilent = false } = faults;
  const startedMs = performance.now();
  const steps = loadMs > 0 ? LOAD_STEPS : 0;
  for (let done = 0; done <= steps; done += 1) {
    if (done > 0) await sleep(loadMs / steps);
    if (!loadSilent && steps > 0) report.progress(done, steps, performance.now() - startedMs);
  }
  if (compileMs === 0) return;
  if (!loadSilent) report.compiling();
  await sleep(compileMs);
}

/** The code that this start is to fail with, or null; counts the start. */
export function startFailure({ crashAtStart, crashStarts }: EngineFaults): number | null {
  if (crashAtStart !== undefined) return crashAtStart;
  if (crashStarts === undefined) return null;
  // One byte a start: appending is atomic, so starts that overlap are all counted.
  appendFileSync(crashStarts.file, '.');
  const isWell = crashStarts.count !== null && statSync(crashStarts.file).size > crashStarts.count;
  return isWell ? null : (crashStarts.exitCode ?? 1);
}

function startChild({ pidFile, setsid, ignoresSigterm, holdsPipes }: ChildFault): number {
  const seconds = String(Math.ceil(maxLifeMs() / 1000));
  const trap = ignoresSigterm === true ? "trap '' TERM INT HUP; " : '';
  const child = spawn('/bin/sh', ['-c', `${trap}exec sleep ${seconds}`], {
    detached: setsid === true,
    stdio: holdsPipes === true ? ['ignore', 'inherit', 'inherit'] : 'ignore',
  });
  child.unref();
  const pid = child.pid ?? 0;
  writeFileSync(pidFile, `${pid}\n`);
  return pid;
}
