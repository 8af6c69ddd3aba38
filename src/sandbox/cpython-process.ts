// Where a process of the system's CPython can stand: behind a wall that we raise, or in a unit of the system's manager.
// Guarantee: its first line says how far it may grow; environment empty, and nothing of ours but the guest's own files in sight.
import { existsSync, statSync } from 'node:fs';
import type { CanaryTargets } from './canary-attack.ts';
import { linkToChild, linkToUnit, type GuestLink } from './guest-link.ts';
import { createNoWall, type KernelWall } from './kernel-wall.ts';
import { guestDirectory, spawnGuest } from './launcher.ts';
import type { PythonInterpreter } from './python-interpreter.ts';

export type CpythonTask =
  | { mode: 'run'; memoryBytes: number }
  /** The self-test's attacker; `bare` without limits and filter, for the control alone. */
  | { mode: 'probe'; memoryBytes: number; canaries: CanaryTargets; bare: boolean };

export interface CpythonPlace {
  name: string;
  start(task: CpythonTask): GuestLink;
}

const ZONES = '/usr/share/zoneinfo';

export function placeBehindWall(wall: KernelWall, interpreter: PythonInterpreter): CpythonPlace {
  return { name: wall.name, start: (task) => instruct(linkToChild(launchBehind(wall, interpreter, {})), task, false) };
}

/** Without any wall: the control of the self-test, which runs nobody's code but our own. */
export function startUnwalled(
  interpreter: PythonInterpreter,
  environment: Readonly<Record<string, string>>,
  task: CpythonTask,
): GuestLink {
  return instruct(linkToChild(launchBehind(createNoWall(), interpreter, environment)), task, false);
}

/** The unit behind `socketPath`, when there is such a socket. */
export function placeInUnit(socketPath: string): CpythonPlace | null {
  if (socketPath === '' || statSync(socketPath, { throwIfNoEntry: false })?.isSocket() !== true) return null;
  return { name: 'systemd', start: (task) => instruct(linkToUnit(socketPath), task, true) };
}

function launchBehind(
  wall: KernelWall,
  interpreter: PythonInterpreter,
  environment: Readonly<Record<string, string>>,
): ReturnType<typeof spawnGuest> {
  const python = `${guestDirectory()}/python`;
  const argv = [interpreter.executable, '-I', '-S', '-B', `${python}/cpython_main.py`];
  return spawnGuest(wall.wrap(argv, [...interpreter.readPaths, python]), environment);
}

function instruct(link: GuestLink, task: CpythonTask, endWithConnection: boolean): GuestLink {
  link.input.write(`${JSON.stringify({ ...task, timeZone: localTimeZone(), endWithConnection })}\n`);
  return link;
}

/** By name, so that past summers count; by its present distance where the system knows no names. */
function localTimeZone(): string {
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (existsSync(`${ZONES}/${name}`)) return name;
  const minutes = new Date().getTimezoneOffset();
  const distance = `${Math.trunc(Math.abs(minutes) / 60)}:${String(Math.abs(minutes) % 60).padStart(2, '0')}`;
  return `<local>${minutes < 0 ? '-' : '+'}${distance}`;
}
