// CPython as WebAssembly in a Node child: every platform, three walls, a snapshot that makes its start bearable.
// Guarantee: it always opens; which of its walls hold is in the report, and the caller decides whether that is enough.
import { linkToChild } from './guest-link.ts';
import { createNoWall, type KernelWall } from './kernel-wall.ts';
import { guestArguments, launch } from './launcher.ts';
import type { SandboxEngine } from './engine.ts';
import { testWalls } from './self-test.ts';
import { ensureSnapshot } from './snapshot.ts';

export interface WasmEngineOptions {
  cacheDirectory: string;
  candidates: readonly KernelWall[];
  memoryBytes: number;
  /** Ends the build of the snapshot. */
  signal: AbortSignal;
  /** The path, or why there is none. */
  onSnapshot(result: { state: 'ready' | 'failed'; reason: string }): void;
}

export const WASM_LABEL = 'CPython 3.14 (WebAssembly)';

export async function openWasmEngine(options: WasmEngineOptions): Promise<SandboxEngine> {
  const { cacheDirectory, candidates, memoryBytes } = options;
  const [report, snapshotFile] = await Promise.all([
    testWalls({ directory: cacheDirectory, candidates }),
    prepareSnapshot(options),
  ]);
  const wall = report.kernelWall;
  return {
    name: 'wasm',
    label: WASM_LABEL,
    walls: { process: report.process, kernel: report.kernel },
    kernelWall: wall.name,
    systemCalls: 'unfiltered',
    reason: report.reason,
    startProcess: () =>
      linkToChild(
        launch({
          wall,
          permissionWall: true,
          entry: 'guest',
          snapshotFile,
          arguments: guestArguments({ snapshotFile, memoryBytes, mode: 'run' }),
        }),
      ),
  };
}

async function prepareSnapshot(options: WasmEngineOptions): Promise<string | null> {
  const { cacheDirectory, memoryBytes, signal } = options;
  try {
    const file = await ensureSnapshot({ cacheDirectory, memoryBytes, wall: createNoWall(), signal });
    options.onSnapshot({ state: 'ready', reason: '' });
    return file;
  } catch (error) {
    // Without it every start takes three seconds instead of half a one; Python still runs.
    options.onSnapshot({ state: 'failed', reason: error instanceof Error ? error.message : String(error) });
    return null;
  }
}
