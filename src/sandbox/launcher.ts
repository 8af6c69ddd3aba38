// The boundary: builds the command line of a sandbox process, with every wall, and starts it with nothing of ours.
// Guarantee: empty environment, `/` as directory, a process group of its own, three pipes and no other descriptor.
import { spawn, type ChildProcess, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { AppError } from '../lib/app-error.ts';
import type { KernelWall } from './kernel-wall.ts';

export type SandboxChild = ChildProcessByStdio<Writable, Readable, Readable>;
/** Its output goes to another process, past the daemon. */
export type PipedSandboxChild = ChildProcessByStdio<Writable, null, Readable>;

export interface LaunchPlan {
  wall: KernelWall;
  /** Off only in the self-test's and the attack tests' controls. */
  permissionWall: boolean;
  /** Entry file inside `guest/`. */
  entry: 'guest' | 'probe';
  snapshotFile: string | null;
  arguments: readonly string[];
  /** Empty for every real process; the self-test's control plants a variable here. */
  environment?: Readonly<Record<string, string>>;
}

const GUEST_DIRECTORY = realpathSync(fileURLToPath(new URL('guest', import.meta.url)));
/** `.ts` in a checkout, `.js` where the project was compiled for installation. */
const GUEST_EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Directory of the interpreter's files. */
export function locateInterpreter(): string {
  return dirname(realpathSync(fileURLToPath(import.meta.resolve('pyodide/package.json'))));
}

export function guestDirectory(): string {
  return GUEST_DIRECTORY;
}

export function buildCommand(plan: LaunchPlan): string[] {
  const runtime = realpathSync(process.execPath);
  const interpreter = locateInterpreter();
  const readable = [interpreter, GUEST_DIRECTORY, ...(plan.snapshotFile === null ? [] : [plan.snapshotFile])];
  const permissions = plan.permissionWall
    ? ['--permission', ...readable.map((path) => `--allow-fs-read=${path}`), '--disallow-code-generation-from-strings']
    : [];
  const entry = `${GUEST_DIRECTORY}/${plan.entry}.${GUEST_EXTENSION}`;
  const argv = [runtime, '--no-warnings', '--max-old-space-size=256', ...permissions, entry, ...plan.arguments];
  return plan.wall.wrap(argv, [runtime, ...readable]);
}

export function launch(plan: LaunchPlan): SandboxChild {
  return spawnGuest(buildCommand(plan), plan.environment);
}

/** Starts a whole command line, walls and all. */
export function spawnGuest(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): SandboxChild {
  const [file, ...argv] = command;
  const child = spawn(file ?? '', argv, { ...spawnOptions(environment), stdio: ['pipe', 'pipe', 'pipe'] });
  refuseWithoutPipes(child);
  return child;
}

/** Out of descriptors Node gives a child without pipes, against its types, and tells the reason a moment later. */
function refuseWithoutPipes(child: ChildProcess): void {
  if ((child.stdin ?? undefined) !== undefined) return;
  child.on('error', () => undefined);
  throw new AppError('SANDBOX_FAILED', 'No process can be started: too many open files', {
    hint: 'Raise LimitNOFILE= of the unit (ulimit -n), or lower the number of connections and sandbox.max_processes',
  });
}

/** `output` is a pipe to a process that takes what the child writes; here it is of no further use. */
export function launchInto(output: Writable, plan: LaunchPlan): PipedSandboxChild {
  const [file, ...argv] = buildCommand(plan);
  const child = spawn(file ?? '', argv, { ...spawnOptions(plan.environment), stdio: ['pipe', output, 'pipe'] });
  output.destroy();
  return child;
}

function spawnOptions(environment: Readonly<Record<string, string>> = {}): SpawnOptions {
  return { cwd: '/', env: { ...environment }, detached: true, windowsHide: true };
}

/** Arguments of `guest.ts`. */
export function guestArguments(options: {
  snapshotFile: string | null;
  memoryBytes: number;
  mode: 'run' | 'snapshot';
}): string[] {
  const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return [locateInterpreter(), options.snapshotFile ?? '-', String(options.memoryBytes), timeZone, options.mode];
}
