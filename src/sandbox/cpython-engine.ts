// The system's CPython behind a proven kernel wall: starts in a twentieth of the time, with a twentieth of the memory.
// Guarantee: no engine without a wall that the canaries have proven in this very process; the reason is said instead.
import { CANARY_VARIABLE } from './canaries.ts';
import { findKernelWall, runAttack, weighControl, type Enclosed } from './canary-attack.ts';
import { placeBehindWall, placeInUnit, startUnwalled, type CpythonPlace } from './cpython-process.ts';
import type { SandboxEngine } from './engine.ts';
import type { KernelWall } from './kernel-wall.ts';
import { findPython } from './python-interpreter.ts';

export interface CpythonEngineOptions {
  /** For the canaries. */
  directory: string;
  candidates: readonly KernelWall[];
  memoryBytes: number;
  /** Path of the interpreter; empty for the system's own. */
  python: string;
  /** Of the unit that runs it; empty for none. */
  socket: string;
  platform?: NodeJS.Platform;
}

export async function openCpythonEngine(options: CpythonEngineOptions): Promise<SandboxEngine | { problem: string }> {
  const { directory, memoryBytes } = options;
  if ((options.platform ?? process.platform) !== 'linux') return { problem: 'its walls are those of Linux' };
  const interpreter = await findPython(options.python);
  if ('problem' in interpreter) return interpreter;
  const unit = placeInUnit(options.socket);
  const places = [
    ...(unit === null ? [] : [unit]),
    ...options.candidates.map((wall) => placeBehindWall(wall, interpreter)),
  ];
  if (places.length === 0) return { problem: 'neither bwrap nor unshare with setpriv was found, and no sandbox unit' };
  const control = await runAttack(directory, (canaries) =>
    startUnwalled(
      interpreter,
      { [CANARY_VARIABLE]: canaries.token },
      { mode: 'probe', memoryBytes, canaries, bare: true },
    ),
  );
  const { missed, reasons } = weighControl(control);
  if (missed.length > 0) return { problem: `${reasons.join('; ')} (${control.complaint.trim().slice(0, 200)})` };
  const found = await findKernelWall(
    places.map((place) => enclosed(place, directory, memoryBytes)),
    missed,
  );
  if (found.chosen === null || found.state !== 'proven') return { problem: found.reasons.join('; ') };
  const { place } = found.chosen;
  const version = typeof found.claimed['version'] === 'string' ? found.claimed['version'] : interpreter.version;
  return {
    name: 'cpython',
    label: `CPython ${version} (${unit === place ? 'in its unit' : interpreter.executable})`,
    walls: { process: 'absent', kernel: 'proven' },
    kernelWall: place.name,
    systemCalls: found.claimed['systemCalls'] === true ? 'filtered' : 'unfiltered',
    reason: found.reasons.join('; '),
    startProcess: () => place.start({ mode: 'run', memoryBytes }),
  };
}

function enclosed(place: CpythonPlace, directory: string, memoryBytes: number): Enclosed & { place: CpythonPlace } {
  return {
    name: place.name,
    place,
    attack: () =>
      runAttack(directory, (canaries) => place.start({ mode: 'probe', memoryBytes, canaries, bare: false })),
  };
}
