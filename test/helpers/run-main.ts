// Runs `node src/main.ts …` to its end and keeps what it wrote: for commands, and for daemons that must refuse to start.
// Guarantees: the environment is empty but for PATH, HOME and what the test gives; a run that does not end is killed.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

export interface MainRun {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunMainOptions {
  home: string;
  env?: Readonly<Record<string, string>>;
  /** Put before node: `unshare -m …`. */
  wrap?: readonly string[];
  timeoutMs?: number;
}

/** What a child sees of the environment: nothing of the person who runs the tests. */
export function cleanEnvironment(home: string, env: Readonly<Record<string, string>> = {}): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '/usr/bin:/bin', HOME: home, ...env };
}

export async function runMain(args: readonly string[], options: RunMainOptions): Promise<MainRun> {
  const [command = process.execPath, ...rest] = [...(options.wrap ?? []), process.execPath, MAIN, ...args];
  const child = spawn(command, rest, {
    cwd: options.home,
    env: cleanEnvironment(options.home, options.env),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 30_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

export interface TempDirectory extends Disposable {
  readonly path: string;
}

/** Short, because Unix sockets live in it. */
export function tempDirectory(): TempDirectory {
  const path = mkdtempSync(join(tmpdir(), 'mema-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
