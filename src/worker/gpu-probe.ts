// What the GPUs hold, through `nvidia-smi`; on a machine without one, nothing.
// Guarantees: never an error and never a wait beyond the limit: no program, a program that hangs, fails or lies, is no GPU.
// The watch keeps the latest facts, so that a scrape reads memory only.
import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../lib/clock.ts';
import type { Clock } from '../lib/clock.ts';
import type { GpuFacts } from './worker.ts';

const QUERY = [
  '--query-gpu=index,name,memory.used,memory.total,utilization.gpu,temperature.gpu',
  '--format=csv,noheader,nounits',
];
const DEFAULT_COMMAND = 'nvidia-smi';
const DEFAULT_TIMEOUT_MS = 5000;
const LARGEST_OUTPUT_BYTES = 256 * 1024;
const MOST_GPUS = 256;
const MIB = 1024 * 1024;
/** Memory that need not come back: contexts of other programs come and go. */
const SLACK_BYTES = 512 * MIB;
const GPU_POLL_MS = 500;
const KILL_GRACE_MS = 500;
/** In intervals. */
const MOST_SELDOM = 60;
const STALE_AFTER = 3;

export interface GpuProbeOptions {
  /** Default `nvidia-smi` of the PATH. */
  command?: string;
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Empty when there is none, or none that answers in time. */
export async function readGpus(options: GpuProbeOptions): Promise<readonly GpuFacts[]> {
  return (await probeGpus(options)).gpus;
}

interface GpuProbe {
  /** `none`: no program, or one that finds no driver or no device. */
  outcome: 'read' | 'none' | 'hung';
  gpus: readonly GpuFacts[];
}

async function probeGpus(options: GpuProbeOptions): Promise<GpuProbe> {
  const probe = new Promise<GpuProbe>((resolve) => {
    const { command = DEFAULT_COMMAND, signal } = options;
    const timeoutMs = Math.ceil(options.timeoutMs);
    const child = execFile(
      command,
      QUERY,
      {
        timeout: timeoutMs,
        // One that waits for a wedged driver ignores SIGTERM.
        killSignal: 'SIGKILL',
        maxBuffer: LARGEST_OUTPUT_BYTES,
        windowsHide: true,
        env: {
          PATH: process.env['PATH'] ?? '',
          LD_LIBRARY_PATH: process.env['LD_LIBRARY_PATH'] ?? '',
          LC_ALL: 'C',
        },
        ...(signal === undefined ? {} : { signal }),
      },
      (error, stdout) => {
        clearTimeout(abandoned);
        const gpus = error === null ? parseGpuTable(stdout) : [];
        if (gpus.length > 0) resolve({ outcome: 'read', gpus });
        else resolve({ outcome: error?.killed === true ? 'hung' : 'none', gpus });
      },
    );
    // Uninterruptible in the kernel, even SIGKILL waits; we don't.
    const abandoned = setTimeout(() => {
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      resolve({ outcome: 'hung', gpus: [] });
    }, timeoutMs + KILL_GRACE_MS);
  });
  // A name that can be no program's is refused before anything runs.
  return await probe.catch((): GpuProbe => ({ outcome: 'none', gpus: [] }));
}

function parseGpuTable(table: string): GpuFacts[] {
  return table
    .split('\n')
    .slice(0, MOST_GPUS)
    .flatMap((line) => {
      const cells = line.split(',').map((cell) => cell.trim());
      // A name may hold a comma; the figures are at both ends.
      if (cells.length < 6) return [];
      const [index, used, total, utilisation, temperature] = [cells[0], ...cells.slice(-4)].map(parseFigure);
      if (index === null || index === undefined) return [];
      return [
        {
          index,
          name: cells.slice(1, -4).join(', ').slice(0, 128),
          memoryUsedBytes: (used ?? 0) * MIB,
          memoryTotalBytes: (total ?? 0) * MIB,
          utilisationRatio: Math.min(1, (utilisation ?? 0) / 100),
          temperatureCelsius: temperature ?? null,
        },
      ];
    });
}

/** Null for `[N/A]`, `[Not Supported]` and the like. */
function parseFigure(cell: string | undefined): number | null {
  return cell !== undefined && /^\d{1,9}(?:\.\d+)?$/.test(cell) ? Number(cell) : null;
}

export interface GpuWatchOptions {
  intervalMs: number;
  clock: Clock;
  command?: string;
  timeoutMs?: number;
}

export interface GpuWatch extends Disposable {
  /** As last read; empty before the first answer, where there is none, and when they are old. */
  latest(): readonly GpuFacts[];
}

/** One probe at a time; where there is no GPU it is looked for ever more seldom. */
export function startGpuWatch(options: GpuWatchOptions): GpuWatch {
  const { intervalMs, clock, command = DEFAULT_COMMAND, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const stop = new AbortController();
  let latest: readonly GpuFacts[] = [];
  let readAtMs = clock.monotonicMs();
  let waitMs = intervalMs;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const { gpus, outcome } = await probeGpus({ command, timeoutMs, signal: stop.signal });
    if (stop.signal.aborted) return;
    latest = gpus;
    readAtMs = clock.monotonicMs();
    waitMs = outcome === 'none' ? Math.min(waitMs * 2, MOST_SELDOM * intervalMs) : intervalMs;
    timer = setTimeout(() => void look(), waitMs);
    timer.unref();
  };
  void look();
  return {
    // A machine that slept wakes with the facts of before.
    latest: () => (clock.monotonicMs() - readAtMs > STALE_AFTER * intervalMs + timeoutMs ? [] : latest),
    [Symbol.dispose]() {
      stop.abort();
      clearTimeout(timer);
    },
  };
}

export interface GpuWaitOptions {
  /** Of all GPUs together, before the worker was started. */
  usedBeforeBytes: number;
  timeoutMs: number;
  signal: AbortSignal;
  command?: string;
}

/** True once no more memory is used than before the worker's start, and where there is no GPU; false when the time is over. */
export async function waitForGpuMemory(options: GpuWaitOptions): Promise<boolean> {
  const { usedBeforeBytes, timeoutMs, signal, command = DEFAULT_COMMAND } = options;
  const deadlineMs = systemClock.monotonicMs() + timeoutMs;
  for (;;) {
    const leftMs = deadlineMs - systemClock.monotonicMs();
    if (leftMs <= 0 || signal.aborted) return false;
    const probe = await probeGpus({ command, timeoutMs: Math.min(leftMs, DEFAULT_TIMEOUT_MS), signal });
    if (signal.aborted) return false;
    if (probe.outcome === 'none') return true;
    if (probe.outcome === 'read' && usedBytes(probe.gpus) <= usedBeforeBytes + SLACK_BYTES) return true;
    await sleep(Math.min(GPU_POLL_MS, Math.max(1, deadlineMs - systemClock.monotonicMs())), undefined, {
      signal,
    }).catch(() => undefined);
  }
}

function usedBytes(gpus: readonly GpuFacts[]): number {
  return gpus.reduce((sum, gpu) => sum + gpu.memoryUsedBytes, 0);
}
