// Stands in for the system's manager: systemd's own socket activation, one process of the sandbox unit a connection.
// Its walls are bwrap's, because those of the unit need a systemd that runs; the connection and its end are the unit's.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { listKernelWalls } from '../../src/sandbox/kernel-wall.ts';
import { guestDirectory } from '../../src/sandbox/launcher.ts';
import { findPython } from '../../src/sandbox/python-interpreter.ts';
import { until } from './until.ts';

export interface SandboxUnit extends AsyncDisposable {
  socket: string;
  /** Processes of Python that are there now. */
  running(): number;
}

export async function startSandboxUnit(directory: string): Promise<SandboxUnit> {
  const socket = join(directory, 'py.sock');
  const interpreter = await findPython('');
  const [wall] = listKernelWalls({ scratchDirectory: directory });
  if ('problem' in interpreter || wall === undefined) throw new Error('needs python3 and bwrap');
  const python = `${guestDirectory()}/python`;
  const argv = [interpreter.executable, '-I', '-S', '-B', `${python}/cpython_main.py`];
  const command = wall.wrap(argv, [...interpreter.readPaths, python]);
  const manager = spawn('systemd-socket-activate', ['--accept', '--inetd', '-l', socket, ...command], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((resolve, reject) => {
    manager.once('exit', () => resolve()).once('error', reject);
  });
  await until('the socket of the sandbox unit', () => existsSync(socket));
  return {
    socket,
    running: () => countBelow(manager.pid ?? 0),
    async [Symbol.asyncDispose]() {
      manager.kill('SIGKILL');
      await gone;
    },
  };
}

function countBelow(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const pids = children === '' ? [] : children.split(' ').map(Number);
  return pids.filter((child) => isAlive(child)).length;
}

function isAlive(pid: number): boolean {
  try {
    // One that has ended and was not asked for yet is not there any more.
    return !/^State:\sZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
