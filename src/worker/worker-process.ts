// One engine as a child process: its own group, its output to the worker's log, its mark in the environment of all it
// starts, and first in line when memory runs out.
// Guarantees: nothing goes through a shell; it is never a zombie; nothing is thrown away of what it prints.
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { MARK_VARIABLE } from './process-family.ts';
import type { FamilyMark } from './process-family.ts';
import { readProcess } from './process-table.ts';

export interface SpawnOptions {
  executable: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** Empty: the daemon's own. */
  workingDirectory: string;
  mark: string;
  onOutput(stream: 'stdout' | 'stderr', chunk: Buffer): void;
  note(text: string): void;
}

export interface ProcessExit {
  /** As a person reads it: `exit code 1`, `SIGKILL`. */
  how: string;
  code: number | null;
}

export interface WorkerProcess {
  readonly pid: number;
  readonly family: FamilyMark;
  /** Null while it lives. */
  readonly exit: ProcessExit | null;
  readonly exited: Promise<ProcessExit>;
  /** Its output has ended; late when a child of its own still holds the pipe. */
  readonly outputEnded: Promise<void>;
  /** Bytes it has written to its log so far. */
  readonly outputBytes: number;
}

/** How much sooner than the daemon the kernel should end it when memory runs out. */
const OOM_SCORE_ABOVE = 300;

/** Throws WORKER_FAILED when it can't be started at all. */
export async function startWorkerProcess(options: SpawnOptions): Promise<WorkerProcess> {
  const { executable, args, env, workingDirectory, mark } = options;
  const child = spawn(executable, args, {
    detached: true,
    env: { ...env, [MARK_VARIABLE]: mark },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(workingDirectory === '' ? {} : { cwd: workingDirectory }),
  });
  const ended = Promise.withResolvers<ProcessExit>();
  let exit: ProcessExit | null = null;
  let outputBytes = 0;
  const closed = Promise.withResolvers<void>();
  child.once('close', () => closed.resolve());
  child.once('exit', (code, signal) => {
    exit = { how: signal ?? `exit code ${code}`, code };
    ended.resolve(exit);
  });
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      outputBytes += chunk.length;
      options.onOutput(stream, chunk);
    });
    // The pipe breaks with the process, which `exit` reports.
    child[stream].on('error', () => undefined);
  }
  const { pid } = child;
  if (pid === undefined) {
    const { promise, resolve } = Promise.withResolvers<Error>();
    child.once('error', resolve);
    throw cannotStart(options, await promise);
  }
  child.on('error', (error) => options.note(`The process reported: ${error.message}`));
  raiseOomScore(pid, options.note);
  return {
    pid,
    family: { mark, leader: { pid, startToken: readProcess(pid)?.startToken ?? '' } },
    get exit() {
      return exit;
    },
    exited: ended.promise,
    outputEnded: closed.promise,
    get outputBytes() {
      return outputBytes;
    },
  };
}

function raiseOomScore(pid: number, note: (text: string) => void): void {
  if (process.platform !== 'linux') return;
  try {
    const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'));
    writeFileSync(`/proc/${pid}/oom_score_adj`, String(Math.min(1000, own + OOM_SCORE_ABOVE)));
  } catch (error) {
    note(`Its out-of-memory score could not be raised (${systemErrorCode(error) ?? 'unknown reason'})`);
  }
}

function cannotStart({ executable, workingDirectory }: SpawnOptions, error: Error): AppError {
  const code = systemErrorCode(error);
  const hint =
    code === 'ENOENT'
      ? `Install it, or set worker.command to its full path${workingDirectory === '' ? '' : `; ${workingDirectory} must exist as well`}`
      : 'Check worker.command and its permissions';
  return new AppError('WORKER_FAILED', `${executable} can't be started (${code ?? error.message})`, {
    hint,
    cause: error,
  });
}
