// While a lease is held, the engine is known to do something long, and its silence is no stall.
// A load has no fixed time, but it has to show progress; a compile is recognised by what the engine says of it.
import type { Clock } from '../lib/clock.ts';
import type { LeaseKind } from './worker.ts';

export interface Leases {
  /** Until the result is called; a second hold of the same kind only begins its time anew. */
  hold(kind: LeaseKind): () => void;
  release(kind: LeaseKind): void;
  /** 0 when it is not held. */
  heldForMs(kind: LeaseKind): number;
  /** The most telling one: a compile within a load is a compile. */
  current(): LeaseKind | null;
}

const MOST_TELLING: readonly LeaseKind[] = ['sleep', 'compile', 'load'];

export function createLeases(clock: Clock, onChange: (current: LeaseKind | null) => void): Leases {
  const heldSinceMs = new Map<LeaseKind, number>();
  const current = (): LeaseKind | null => MOST_TELLING.find((kind) => heldSinceMs.has(kind)) ?? null;
  const change = (apply: () => void): void => {
    const before = current();
    apply();
    if (current() !== before) onChange(current());
  };
  const release = (kind: LeaseKind): void => change(() => heldSinceMs.delete(kind));
  return {
    hold(kind) {
      change(() => heldSinceMs.set(kind, clock.monotonicMs()));
      return () => release(kind);
    },
    release,
    heldForMs: (kind) => clock.monotonicMs() - (heldSinceMs.get(kind) ?? clock.monotonicMs()),
    current,
  };
}

// Bounded between their words: a line of the engine may be long and say the first word again and again.
const COMPILE_ENDS =
  /graph capturing finished|torch\.compile (takes|took)|compil\w{1,40} (finished|done|took|takes)|init engine .{0,400} took|application startup complete|uvicorn running/i;
const COMPILE_BEGINS =
  /torch\.compile|captur\w{1,40} (the )?(cuda|hip) ?graph|compiling|dynamo bytecode|inductor|warming up/i;

/** What a line of the engine's log says about compiling or capturing graphs. */
export function readCompileHint(line: string): 'begins' | 'ends' | null {
  if (COMPILE_ENDS.test(line)) return 'ends';
  return COMPILE_BEGINS.test(line) ? 'begins' : null;
}

/** What a loading engine has done so far, all growing. */
export interface LoadSample {
  outputBytes: number;
  cpuMs: number;
  ioBytes: number;
}

export interface LoadWatch {
  look(sample: LoadSample, isExempt: boolean): void;
  /** Why the load is given up, or null. */
  verdict(): string | null;
  readonly elapsedMs: number;
}

/** Less CPU than this share of the time is a process that waits. */
const WORKING_SHARE = 0.05;
const WORKING_BYTES = 1024 * 1024;

export function createLoadWatch(options: { stallMs: number; timeoutMs: number; clock: Clock }): LoadWatch {
  const { stallMs, timeoutMs, clock } = options;
  const startedMs = clock.monotonicMs();
  let progressMs = startedMs;
  let lookedMs = startedMs;
  let last: LoadSample = { outputBytes: 0, cpuMs: 0, ioBytes: 0 };
  return {
    look(sample, isExempt) {
      const nowMs = clock.monotonicMs();
      const isWorking =
        isExempt ||
        sample.outputBytes > last.outputBytes ||
        sample.cpuMs - last.cpuMs > (nowMs - lookedMs) * WORKING_SHARE ||
        sample.ioBytes - last.ioBytes > WORKING_BYTES;
      if (isWorking) progressMs = nowMs;
      lookedMs = nowMs;
      last = sample;
    },
    verdict() {
      const nowMs = clock.monotonicMs();
      if (nowMs - startedMs > timeoutMs) return `it was not ready after ${seconds(timeoutMs)}`;
      if (nowMs - progressMs > stallMs)
        return `it showed no progress for ${seconds(stallMs)}: no line, no CPU time, nothing read`;
      return null;
    },
    get elapsedMs() {
      return clock.monotonicMs() - startedMs;
    },
  };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
