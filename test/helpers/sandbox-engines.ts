// The engines that this machine can run, each as options for `createSandbox`; the tests of the sandbox run for all of them.
// Where no kernel wall holds there is one engine less, as in the daemon; the attack tests demand both where bwrap is there.
import { join } from 'node:path';
import { openCpythonEngine } from '../../src/sandbox/cpython-engine.ts';
import type { SandboxOptions } from '../../src/sandbox/create-sandbox.ts';
import { listKernelWalls } from '../../src/sandbox/kernel-wall.ts';
import { SANDBOX_CACHE } from './sandbox-cache.ts';

export type EngineOptions = Pick<SandboxOptions, 'engine' | 'require' | 'cacheDirectory' | 'standby'>;

export interface TestedEngine {
  name: 'wasm' | 'cpython';
  options: EngineOptions;
}

export const WASM: TestedEngine = {
  name: 'wasm',
  options: { engine: 'wasm', require: 'none', standby: 0, cacheDirectory: SANDBOX_CACHE },
};
export const CPYTHON: TestedEngine = {
  name: 'cpython',
  options: { engine: 'cpython', require: 'kernel', standby: 0, cacheDirectory: SANDBOX_CACHE },
};

export async function listEngines(): Promise<TestedEngine[]> {
  const cpython = await openCpythonEngine({
    directory: SANDBOX_CACHE,
    candidates: listKernelWalls({ scratchDirectory: join(SANDBOX_CACHE, 'sandbox-root') }),
    memoryBytes: 1 << 28,
    python: '',
    socket: '',
  });
  return 'problem' in cpython ? [WASM] : [WASM, CPYTHON];
}
