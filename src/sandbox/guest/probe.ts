// The self-test's attacker: what code could do that has fully escaped from the interpreter into this process.
// Arguments: `hardened` (as the guest runs) or `bare`, then the canaries as JSON. Prints what it reached, as JSON.
import fs from 'node:fs';
import { hardenProcess } from './harden-process.ts';

interface Canaries {
  file: string;
  port: number;
  pid: number;
  token: string;
}

const [mode, canariesJson] = process.argv.slice(2);
const canaries = JSON.parse(canariesJson ?? '{}') as Canaries;
if (mode === 'hardened') hardenProcess();

const reached = {
  file: await reachFile(),
  environment: await reachEnvironment(),
  port: await reachPort(),
  process: await reachProcess(),
};
fs.writeSync(1, `${JSON.stringify(reached)}\n`);

async function anyOf(attempts: readonly (() => unknown)[], wanted: (value: unknown) => boolean): Promise<boolean> {
  for (const attempt of attempts) {
    try {
      if (wanted(await attempt())) return true;
    } catch {
      // A refused attempt is what a wall is for; the next one is tried.
    }
  }
  return false;
}

function hasToken(value: unknown): boolean {
  return String(value).includes(canaries.token);
}

async function reachFile(): Promise<boolean> {
  const { execFileSync } = await import('node:child_process');
  return anyOf(
    [
      () => fs.readFileSync(canaries.file, 'utf8'),
      () => fs.readFileSync(`/proc/self/root${canaries.file}`, 'utf8'),
      () => fs.readFileSync(`/proc/${process.ppid}/root${canaries.file}`, 'utf8'),
      () => fs.readFileSync(fs.openSync(canaries.file, 'r'), 'utf8'),
      () => fs.promises.readFile(Buffer.from(canaries.file), 'utf8'),
      () => fs.readFileSync(`${import.meta.dirname}/../../../../../../../../../../..${canaries.file}`, 'utf8'),
      () => process.loadEnvFile(canaries.file),
      () => execFileSync('/bin/cat', [canaries.file], { encoding: 'utf8' }),
      async () => String(await import(canaries.file)),
    ],
    hasToken,
  );
}

async function reachEnvironment(): Promise<boolean> {
  return anyOf(
    [
      () => JSON.stringify(process.env),
      () => fs.readFileSync('/proc/self/environ', 'utf8'),
      () => fs.readFileSync(`/proc/${process.ppid}/environ`, 'utf8'),
      () => fs.readFileSync(`/proc/${canaries.pid}/environ`, 'utf8'),
    ],
    hasToken,
  );
}

async function reachPort(): Promise<boolean> {
  const net = await import('node:net');
  const connect = (host: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const socket = net.connect({ host, port: canaries.port });
      socket.setTimeout(1000, () => socket.destroy(new Error('silent')));
      socket.on('data', resolve).on('error', reject);
    });
  return anyOf(
    [() => connect('127.0.0.1'), async () => (await fetch(`http://127.0.0.1:${canaries.port}/`)).text()],
    hasToken,
  );
}

async function reachProcess(): Promise<boolean> {
  const { execFileSync } = await import('node:child_process');
  const { Worker } = await import('node:worker_threads');
  const os = await import('node:os');
  // The core looks whether the process still lives; here it only counts that nothing refused.
  const worked = (value: unknown): boolean => value !== 'refused';
  return anyOf(
    [
      () => process.kill(canaries.pid, 'SIGKILL'),
      () =>
        (Reflect.get(process, '_kill') as (pid: number, signal: number) => number)(canaries.pid, 9) === 0 || 'refused',
      () => execFileSync('/bin/kill', ['-9', String(canaries.pid)]),
      () => os.setPriority(canaries.pid, 19),
      () =>
        new Promise((resolve, reject) => {
          const worker = new Worker(`process.kill(${canaries.pid}, 'SIGKILL')`, { eval: true });
          worker.on('exit', (code) => resolve(code === 0 ? 'done' : 'refused')).on('error', reject);
        }),
    ],
    worked,
  );
}
