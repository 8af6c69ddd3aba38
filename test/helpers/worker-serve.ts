// `mem-agent worker serve` as a real process, over the stand-in for vLLM; each start of an engine leaves a line in a file.
// Guarantee: what a test leaves running ends with the place.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineFaults } from './engine/engine-faults.ts';
import { installFakeCommands } from './engine/fake-commands.ts';
import type { EngineScript } from './engine/script.ts';
import { cleanEnvironment, MAIN, runMain, tempDirectory, type MainRun } from './run-main.ts';
import { until } from './until.ts';

export interface WorkerServePlace extends AsyncDisposable {
  readonly path: string;
  readonly socketPath: string;
  /** For a daemon in the same place. */
  readonly configFile: string;
  setFaults(faults: EngineFaults): void;
  setConfig(lines: readonly string[]): void;
  /** Pids of all engines that were started, oldest first. */
  starts(): number[];
  /** Resolves when it serves. */
  start(env?: Readonly<Record<string, string>>): Promise<WorkerServe>;
  /** A command of the CLI here, to its end. */
  cli(...args: string[]): Promise<MainRun>;
}

export interface WorkerServe {
  readonly pid: number;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  stderr(): string;
}

const CONFIG = ['worker.profile = "vllm"', 'worker.supervisor = "process"', 'worker.gpu_wait_ms = 0'];

export function workerServePlace(faults: EngineFaults = {}, script?: EngineScript): WorkerServePlace {
  const home = tempDirectory();
  const inHome = (name: string): string => join(home.path, name);
  const [commands, faultsFile, startsFile] = [inHome('bin'), inHome('faults.json'), inHome('starts.jsonl')];
  const [configFile, runtimeDir] = [inHome('worker.toml'), inHome('run')];
  mkdirSync(commands);
  const setFaults = (next: EngineFaults): void => writeFileSync(faultsFile, JSON.stringify(next));
  setFaults(faults);
  const { vllm } = installFakeCommands(commands, {
    faults: faultsFile,
    startsFile,
    maxLifeMs: 120_000,
    ...(script !== undefined && { script }),
  });
  const socketPath = join(runtimeDir, 'worker.sock');
  const given = [`worker.command = ${JSON.stringify(vllm)}`, `worker.socket = ${JSON.stringify(socketPath)}`];
  const setConfig = (lines: readonly string[]): void =>
    writeFileSync(configFile, [...CONFIG, ...given, ...lines].join('\n'));
  setConfig([]);
  const places = ['--config', configFile, '--state.dir', inHome('state'), '--runtime.dir', runtimeDir];
  const running: WorkerServe[] = [];
  const starts = (): number[] =>
    existsSync(startsFile)
      ? readFileSync(startsFile, 'utf8')
          .trim()
          .split('\n')
          .map((line) => (JSON.parse(line) as { pid: number }).pid)
      : [];
  return {
    path: home.path,
    socketPath,
    configFile,
    setFaults,
    setConfig,
    starts,
    cli: (...args) => runMain([...args, ...places], { home: home.path }),
    async start(env = {}) {
      const child = spawn(process.execPath, [MAIN, 'worker', ...places], {
        cwd: home.path,
        env: cleanEnvironment(home.path, env),
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      const exited: WorkerServe['exited'] = new Promise((resolve) => {
        child.once('close', (code, signal) => resolve({ code, signal }));
      });
      const serve: WorkerServe = {
        pid: child.pid ?? 0,
        exited,
        kill: (signal) => void child.kill(signal),
        stderr: () => stderr,
      };
      running.push(serve);
      const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
      await until('the worker process serves', () => stderr.includes('"worker process ready"') || isOver());
      if (isOver()) throw new Error(`the worker process ended:\n${stderr}`);
      return serve;
    },
    async [Symbol.asyncDispose]() {
      for (const serve of running) serve.kill('SIGKILL');
      await Promise.all(running.map((serve) => serve.exited));
      for (const pid of starts().filter(isAlive)) process.kill(pid, 'SIGKILL');
      home[Symbol.dispose]();
    },
  };
}

/** True while the process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    // It is gone, or went between the look and the read.
    if (error instanceof Error) return false;
    throw error;
  }
}
