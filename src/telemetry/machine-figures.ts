// Reads what Linux says of this process and of the machine: /proc and the control group. Guarantees: what can't be read
// (another system, a hardened unit that hides it) is null or missing, never an error and never a guess.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface NetworkDevice {
  device: string;
  receivedBytes: number;
  sentBytes: number;
}

export interface ProcessDisk {
  readBytes: number;
  writtenBytes: number;
}

/** Of the unit or container: the daemon with all its children. */
export interface UnitFigures {
  /** Without page cache that is free to go. */
  memoryBytes: number;
  /** Null: no limit of its own. */
  memoryLimitBytes: number | null;
  cpuSeconds: number | null;
  tasks: number | null;
}

/** Loopback, and what only repeats the traffic of others: bridges and the near ends of containers. */
const NOT_OUTSIDE = /^(lo|veth.*|docker\d*|br-.*|virbr.*|cni.*|flannel.*|cali.*|ifb.*|dummy.*|tap.*|tun.*)$/;
const MOST_DEVICES = 16;

/** Of the network namespace that this process is in: the host's, unless it has one of its own. */
export function readNetworkDevices(proc = '/proc'): NetworkDevice[] {
  const lines = readText(join(proc, 'self/net/dev'))?.split('\n').slice(2) ?? [];
  return lines
    .map((line) => /^\s*(\S+):\s*(\d+)(?:\s+\d+){7}\s+(\d+)/.exec(line))
    .flatMap((match) => {
      const [, device = '', received, sent] = match ?? [];
      if (match === null || NOT_OUTSIDE.test(device)) return [];
      return [{ device, receivedBytes: Number(received), sentBytes: Number(sent) }];
    })
    .slice(0, MOST_DEVICES);
}

/** What reached the disks, not what the page cache gave. */
export function readProcessDisk(proc = '/proc'): ProcessDisk | null {
  const text = readText(join(proc, 'self/io'));
  const read = fieldOf(text, 'read_bytes:');
  const written = fieldOf(text, 'write_bytes:');
  return read === null || written === null ? null : { readBytes: read, writtenBytes: written };
}

/** Null without a control group of version 2 of its own. */
export function readUnit(proc = '/proc', cgroups = '/sys/fs/cgroup'): UnitFigures | null {
  const path = /^0::(\/.*)$/m.exec(readText(join(proc, 'self/cgroup')) ?? '')?.[1];
  if (path === undefined) return null;
  const directory = join(cgroups, path);
  const current = numberIn(join(directory, 'memory.current'));
  if (current === null) return null;
  const idleCache = fieldOf(readText(join(directory, 'memory.stat')), 'inactive_file') ?? 0;
  const cpuMicroseconds = fieldOf(readText(join(directory, 'cpu.stat')), 'usage_usec');
  return {
    memoryBytes: Math.max(0, current - idleCache),
    memoryLimitBytes: numberIn(join(directory, 'memory.max')),
    cpuSeconds: cpuMicroseconds === null ? null : cpuMicroseconds / 1e6,
    tasks: numberIn(join(directory, 'pids.current')),
  };
}

function fieldOf(text: string | null, name: string): number | null {
  for (const line of text?.split('\n') ?? []) {
    const [key, value] = line.split(/\s+/);
    if (key === name && value !== undefined && /^\d+$/.test(value)) return Number(value);
  }
  return null;
}

/** `max` is no number. */
function numberIn(file: string): number | null {
  const text = readText(file)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // Not there, or hidden from us: both mean that it is not known.
    if (error instanceof Error) return null;
    throw error;
  }
}
