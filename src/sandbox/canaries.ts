// What an escape would reach: a file, a loopback port, an environment variable and a process, planted and watched.
import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export const CANARY_NAMES = ['file', 'environment', 'port', 'process'] as const;
export type CanaryName = (typeof CANARY_NAMES)[number];

export interface PlantedCanaries extends AsyncDisposable {
  file: string;
  port: number;
  pid: number;
  token: string;
  /** What the canaries themselves saw, whatever the attacker says. */
  touched(): { port: boolean; process: boolean };
}

export const CANARY_VARIABLE = 'MEM_AGENT_SANDBOX_CANARY';

export async function plantCanaries(directory: string): Promise<PlantedCanaries> {
  const token = `canary-${randomBytes(12).toString('hex')}`;
  // Not named after the token: an error message that quotes the path must not look like the content.
  const file = `${directory}/canary-${randomBytes(6).toString('hex')}.txt`;
  writeFileSync(file, token, { mode: 0o600 });
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.on('error', () => undefined).on('close', () => open.delete(socket));
    socket.end(`HTTP/1.0 200 OK\r\n\r\n${token}`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  // Waits on its standard input, so that it ends with us whatever happens.
  const victim = spawn('/bin/sh', ['-c', 'read line'], {
    env: { [CANARY_VARIABLE]: token },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => {
    victim.once('exit', () => resolve()).once('error', () => resolve());
  });
  victim.stdin.on('error', () => undefined);
  return {
    file,
    port: (server.address() as AddressInfo).port,
    pid: victim.pid ?? 0,
    token,
    touched: () => ({ port: connections > 0, process: victim.signalCode !== null }),
    async [Symbol.asyncDispose]() {
      victim.stdin.end();
      victim.kill('SIGKILL');
      await gone;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        // Who has reached it may have sent something and be waiting; we are not.
        for (const socket of open) socket.destroy();
      });
      rmSync(file, { force: true });
    },
  };
}
