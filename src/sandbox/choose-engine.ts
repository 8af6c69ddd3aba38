// Which interpreter runs the Python: the one that is asked for, or the best that this machine can prove.
// Guarantee: the system's CPython never without a proven kernel wall; what was not taken says why.
import { openCpythonEngine, type CpythonEngineOptions } from './cpython-engine.ts';
import type { SandboxEngine } from './engine.ts';

export interface EngineChoice {
  engine: SandboxEngine;
  reason: string;
}

export async function chooseEngine(options: {
  engine: 'auto' | 'wasm' | 'cpython';
  cpython: CpythonEngineOptions;
  openWasm(): Promise<SandboxEngine>;
}): Promise<EngineChoice | { refused: string }> {
  if (options.engine === 'wasm') return { engine: await options.openWasm(), reason: 'sandbox.engine is wasm' };
  const cpython = await openCpythonEngine(options.cpython);
  if ('problem' in cpython) {
    if (options.engine === 'cpython')
      return { refused: `sandbox.engine is cpython, which needs a proven kernel wall: ${cpython.problem}` };
    return { engine: await options.openWasm(), reason: `cpython cannot be used here: ${cpython.problem}` };
  }
  const reason =
    options.engine === 'cpython' ? 'sandbox.engine is cpython' : 'a kernel wall is proven and python3 is there';
  return { engine: cpython, reason };
}
