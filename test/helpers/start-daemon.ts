// A real daemon in a child process, as an operator starts it: `node src/main.ts serve …` on free loopback ports.
// Guarantees: resolves when `/readyz` says yes, and leaves no process and no directory of its own behind.
import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeFlagsFor, type PlantedBug } from './planted-bugs/planted-bugs.ts';
import { SANDBOX_CACHE } from './sandbox-cache.ts';
import { cleanEnvironment, MAIN, runMain, tempDirectory, type MainRun } from './run-main.ts';

export interface StartDaemonOptions {
  flags?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Kept after the daemon is gone; by default both live in a temp directory that goes with it. */
  stateDir?: string;
  memoryDir?: string;
  /** Where `config.toml` and the files of the Python original are; then no flag says where the notes are. */
  configDir?: string;
  /** Put before node. It must exec, so that the pid is the daemon's: `unshare -m sh -c 'mount …; exec "$@"' sh`. */
  wrap?: readonly string[];
  /** Listening sockets handed over as systemd does it. */
  sockets?: readonly { name: string; fd: number }[];
  deadlineMs?: number;
  nodeFlags?: readonly string[];
  /** The daemon runs with this bug in it, to show that a test would see it. */
  plantedBug?: PlantedBug;
}

export interface DaemonExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface DaemonProcess extends AsyncDisposable {
  /** Where MCP clients connect, `/mcp` included. */
  readonly url: string;
  readonly opsUrl: string;
  readonly keys: { readonly client: string; readonly admin: string };
  readonly pid: number;
  readonly stateDir: string;
  readonly memoryDir: string;
  /** The same two as seen from here, when the daemon lives in a mount namespace. */
  readonly inside: (path: string) => string;
  readonly exited: Promise<DaemonExit>;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, then the exit; SIGKILL if it takes more than 20 s. */
  stop(): Promise<DaemonExit>;
  /** Runs a command of the CLI against this daemon. */
  cli(...args: string[]): Promise<MainRun>;
}

export async function startDaemon(options: StartDaemonOptions = {}): Promise<DaemonProcess> {
  const home = tempDirectory();
  const stateDir = options.stateDir ?? join(home.path, 'state');
  const memoryDir = options.memoryDir ?? join(home.path, 'memory');
  if (options.wrap === undefined) lendSnapshot(join(stateDir, 'sandbox'));
  const { configDir } = options;
  const places = [
    '--state.dir',
    stateDir,
    '--runtime.dir',
    join(home.path, 'run'),
    ...(configDir === undefined ? ['--memory.dir', memoryDir] : []),
  ];
  const env = { ...(configDir !== undefined && { CONFIGURATION_DIRECTORY: configDir }), ...options.env };
  const listeners = ['--http.listen', '127.0.0.1:0', '--ops.listen', '127.0.0.1:0'];
  const flags = [...listeners, ...places, ...(options.flags ?? [])];
  const sockets = options.sockets ?? [];
  const handover = sockets.length === 0 ? [] : ['/bin/sh', '-c', 'LISTEN_PID=$$ exec "$@"', 'sh'];
  const node = [...handover, process.execPath, ...(options.nodeFlags ?? []), ...nodeFlagsFor(options.plantedBug)];
  const [command = process.execPath, ...args] = [...(options.wrap ?? []), ...node, MAIN, 'serve', ...flags];
  const child = spawn(command, args, {
    cwd: home.path,
    env: cleanEnvironment(home.path, { ...env, ...listenVariables(sockets) }),
    stdio: ['ignore', 'ignore', 'pipe', ...sockets.map(({ fd }) => fd)],
  });
  if (child.stderr === null) throw new Error('the daemon has no stderr');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const exited = watchExit(child);
  const inside = (path: string): string => (options.wrap === undefined ? path : `/proc/${child.pid}/root${path}`);
  const end = async (): Promise<DaemonExit> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    try {
      return await exited;
    } finally {
      clearTimeout(timer);
    }
  };
  const dispose = async (): Promise<void> => {
    await end();
    home[Symbol.dispose]();
  };
  try {
    const { http, ops } = await waitUntilReady(child, () => stderr, options.deadlineMs ?? 20_000);
    const keys = readFirstKeys(inside(join(stateDir, 'first-keys')));
    return {
      url: `${http}/mcp`,
      opsUrl: ops,
      keys,
      pid: child.pid ?? 0,
      stateDir,
      memoryDir,
      inside,
      exited,
      stderr: () => stderr,
      kill: (signal) => void child.kill(signal),
      stop: end,
      cli: (...line) => runMain([...line, ...places], { home: home.path, env }),
      [Symbol.asyncDispose]: dispose,
    };
  } catch (error) {
    child.kill('SIGKILL');
    await dispose();
    throw error;
  }
}

function listenVariables(sockets: readonly { name: string }[]): Record<string, string> {
  if (sockets.length === 0) return {};
  return { LISTEN_FDS: String(sockets.length), LISTEN_FDNAMES: sockets.map(({ name }) => name).join(':') };
}

/** Three seconds of work for a daemon without it; the daemon checks what it finds and builds its own if it does not fit. */
function lendSnapshot(directory: string): void {
  if (!existsSync(SANDBOX_CACHE) || existsSync(directory)) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(SANDBOX_CACHE))
    if (name.endsWith('.snapshot')) copyFileSync(join(SANDBOX_CACHE, name), join(directory, name));
}

function watchExit(child: ChildProcess): Promise<DaemonExit> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });
}

/** The addresses come from the log, because the ports are the system's choice. */
async function waitUntilReady(
  child: ChildProcess,
  stderr: () => string,
  deadlineMs: number,
): Promise<{ http: string; ops: string }> {
  const isGone = (): boolean => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const deadline = performance.now() + deadlineMs;
  while (performance.now() < deadline && !isGone()) {
    const line = /^.*"msg":"listening".*$/m.exec(stderr())?.[0];
    if (line !== undefined) {
      const { http, ops } = JSON.parse(line) as { http: string; ops: string };
      const response = await fetch(`${ops}/readyz`);
      await response.body?.cancel();
      if (response.status === 200) return { http, ops };
    }
    await sleep(20);
  }
  throw new Error(`the daemon (${child.pid}) ${isGone() ? 'ended' : 'was not ready in time'}:\n${stderr()}`);
}

function readFirstKeys(file: string): { client: string; admin: string } {
  const text = readFileSync(file, 'utf8');
  const key = (kind: string): string => {
    const found = new RegExp(`^\\s*${kind} key\\s+(\\S+)$`, 'm').exec(text)?.[1];
    if (found === undefined) throw new Error(`no ${kind} key in ${file}`);
    return found;
  };
  return { client: key('client'), admin: key('admin') };
}
