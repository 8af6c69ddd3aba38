// The daemon attacks the walls of the WebAssembly engine: a Node process that does what fully escaped code could do.
// Guarantee: walls 2 and 3 are each proven alone, never because the other one held.
import { CANARY_VARIABLE } from './canaries.ts';
import { findKernelWall, judge, reachedNames, runAttack, weighControl } from './canary-attack.ts';
import type { AttackResult, WallState } from './canary-attack.ts';
import { linkToChild } from './guest-link.ts';
import { createNoWall, type KernelWall } from './kernel-wall.ts';
import { launch } from './launcher.ts';

export interface ProbeOptions {
  directory: string;
  wall: KernelWall;
  permissionWall: boolean;
  /** Hands the canary's variable to the attacker: only the control does. */
  leakEnvironment?: boolean;
}

export interface WallReport {
  process: WallState;
  kernel: WallState;
  kernelWall: KernelWall;
  reason: string;
}

/** Runs the attacker once behind the given walls and says what it reached. */
export function runProbe(options: ProbeOptions): Promise<AttackResult> {
  return runAttack(options.directory, (targets) =>
    linkToChild(
      launch({
        wall: options.wall,
        permissionWall: options.permissionWall,
        entry: 'probe',
        snapshotFile: null,
        arguments: [options.permissionWall ? 'hardened' : 'bare', JSON.stringify(targets)],
        ...(options.leakEnvironment === true ? { environment: { [CANARY_VARIABLE]: targets.token } } : {}),
      }),
    ),
  );
}

/** Proves walls 2 and 3 each alone, and picks the strongest kernel wall that holds. */
export async function testWalls(options: {
  directory: string;
  candidates: readonly KernelWall[];
}): Promise<WallReport> {
  const noWall = createNoWall();
  const { directory } = options;
  const control = await runProbe({ directory, wall: noWall, permissionWall: false, leakEnvironment: true });
  const { missed, reasons } = weighControl(control);
  const behindProcess = await runProbe({ directory, wall: noWall, permissionWall: true });
  const process = judge(behindProcess, missed);
  if (process === 'broken')
    reasons.push(`an attacker behind the process wall reached ${reachedNames(behindProcess).join(', ')}`);
  const kernel = await findKernelWall(
    options.candidates.map((wall) => ({
      name: wall.name,
      wall,
      attack: () => runProbe({ directory, wall, permissionWall: false }),
    })),
    missed,
  );
  return {
    process,
    kernel: kernel.state,
    kernelWall: kernel.chosen?.wall ?? noWall,
    reason: [...reasons, ...kernel.reasons].join('; '),
  };
}
