// Runs an installed command as a supervisor would: stdin closed, no test environment, output kept.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEngineControl } from '../../helpers/engine/engine-control.ts';
import type { EngineControl } from '../../helpers/engine/engine-control.ts';

const READY_TIMEOUT_MS = 20_000;

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

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Control of an engine that listens there, once it does. */
export async function untilListening(baseUrl: string): Promise<EngineControl> {
  const control = createEngineControl(baseUrl);
  const untilMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await control.requests();
      return control;
    } catch (error) {
      if (performance.now() > untilMs) throw error;
      await sleep(20);
    }
  }
}

export async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const untilMs = performance.now() + READY_TIMEOUT_MS;
  while (!(await isTrue())) {
    if (performance.now() > untilMs) throw new Error(`not in time: ${what}`);
    await sleep(20);
  }
}

export interface TemporaryDirectory extends AsyncDisposable {
  path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'mema-engine-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
