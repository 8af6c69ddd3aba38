// The graphics memory that test engines claim to use, as files beside the one that a test fills in (MEMA_FAKE_GPU_FILE).
// Guarantee: a claim holds while one of its processes lives, and then for as long as the engine's fault said.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface FakeGpu {
  index: number;
  name: string;
  /** Used by others than the engines. */
  memoryUsedMib: number;
  memoryTotalMib: number;
  /** Null where the card does not say: `[N/A]`. */
  utilisationPercent: number | null;
  temperatureCelsius: number | null;
}

export interface FakeGpus {
  gpus: FakeGpu[];
  /** The program fails with this instead. */
  failure?: { message: string; exitCode: number };
  /** The program takes that long. */
  delayMs?: number;
}

interface Claim {
  pids: number[];
  memoryMib: number;
  lingerMs: number;
  /** When somebody first saw that all of them are dead. */
  diedAtMs?: number;
}

export const DEFAULT_CLAIM_MIB = 9000;

export const oneGpu: FakeGpu = {
  index: 0,
  name: 'NVIDIA GeForce RTX 4090',
  memoryUsedMib: 350,
  memoryTotalMib: 24_564,
  utilisationPercent: 12,
  temperatureCelsius: 45,
};

export function writeFakeGpus(file: string, gpus: FakeGpus): void {
  writeFileSync(file, JSON.stringify(gpus));
}

/** Does nothing unless a test has set up graphics memory. */
export function claimGpuMemory(options: {
  pids: number[];
  lingerMs: number | undefined;
  memoryMib: number | undefined;
}): void {
  const file = process.env['MEMA_FAKE_GPU_FILE'];
  if (file === undefined) return;
  const claim: Claim = {
    pids: options.pids,
    memoryMib: options.memoryMib ?? DEFAULT_CLAIM_MIB,
    lingerMs: options.lingerMs ?? 0,
  };
  mkdirSync(claimsOf(file), { recursive: true });
  writeFileSync(join(claimsOf(file), `${process.pid}.json`), JSON.stringify(claim));
}

/** An engine that sleeps gives most of its memory back. */
export function resizeGpuClaim(memoryMib: number): void {
  const file = process.env['MEMA_FAKE_GPU_FILE'];
  if (file === undefined) return;
  const path = join(claimsOf(file), `${process.pid}.json`);
  const claim = JSON.parse(readFileSync(path, 'utf8')) as Claim;
  writeFileSync(path, JSON.stringify({ ...claim, memoryMib }));
}

/** Who still uses memory, the dead whose memory lingers included. */
export function liveClaims(file: string, nowMs: number): { pid: number; memoryMib: number }[] {
  const directory = claimsOf(file);
  if (!existsSync(directory)) return [];
  const live: { pid: number; memoryMib: number }[] = [];
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const claim = JSON.parse(readFileSync(path, 'utf8')) as Claim;
    const holder = claim.pids.find(isAlive);
    if (holder === undefined && claim.diedAtMs === undefined) {
      claim.diedAtMs = nowMs;
      writeFileSync(path, JSON.stringify(claim));
    }
    if (holder === undefined && nowMs - (claim.diedAtMs ?? nowMs) >= claim.lingerMs) rmSync(path, { force: true });
    else live.push({ pid: holder ?? claim.pids[0] ?? 0, memoryMib: claim.memoryMib });
  }
  return live;
}

/** A zombie is dead: its memory is free. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  const stat = `/proc/${pid}/stat`;
  if (!existsSync(stat)) return !existsSync('/proc/self/stat');
  return !/\) [ZX]/.test(readFileSync(stat, 'utf8'));
}

function claimsOf(file: string): string {
  return `${file}.claims`;
}
