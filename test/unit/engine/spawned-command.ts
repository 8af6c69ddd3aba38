// Runs an installed command as a supervisor would: stdin closed, no test environment, output kept.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import type { EngineControl } from '../../helpers/engine/engine-control.ts';
import { until } from '../../helpers/until.ts';

export interface SpawnedCommand extends AsyncDisposable {
  process: ChildProcess;
  exited: Promise<[code: number | null, signal: NodeJS.Signals | null]>;
  output(): string;
}

/** In a process group of its own, which is killed at the end. */
export function spawnCommand(path: string, args: readonly string[], env: Record<string, string> = {}): SpawnedCommand {
  const child = spawn(path, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    env: { PATH: '/usr/bin:/bin', ...env },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => (output += piece.toString()));
  const exited = once(child, 'exit') as SpawnedCommand['exited'];
  return {
    process: child,
    exited,
    output: () => output,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-Number(child.pid), 'SIGKILL');
      await exited;
    },
  };
}

/** Control of an engine that listens there, once it does. */
export async function untilListening(baseUrl: string): Promise<EngineControl> {
  const control = createEngineControl(baseUrl);
  await until(`${baseUrl} listens`, () =>
    control.requests().then(
      () => true,
      () => false,
    ),
  );
  return control;
}
