// Starts a daemon in the background and waits until its socket answers.
// Guarantees: two that start at once end with one daemon (the loser of the state lock ends, both find the winner's socket).
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadedConfig } from '../config/load-config.ts';
import { AppError } from '../lib/app-error.ts';
import { probeSocket } from './unix-fetch.ts';

/** A busy machine takes long; a daemon that ended by itself is seen at once all the same. */
const START_DEADLINE_MS = 30_000;
const POLL_MS = 25;
const LOCKED_PAUSE_MS = 500;
/** Longer than any pause between messages of a person at work, short enough not to linger. */
export const IDLE_EXIT_MS = 600_000;
/** As `npm start` has it: half the young generation costs no throughput and saves 25 MB. */
export const DAEMON_NODE_FLAGS = ['--max-semi-space-size=8'] as const;

export interface StartDaemonOptions {
  loaded: LoadedConfig;
  socketPath: string;
  daemonArguments: readonly string[];
  deadlineMs?: number;
}

/** The entry point, as source or as compiled. */
export function mainScript(): string {
  return join(import.meta.dirname, '..', `main${extname(import.meta.filename)}`);
}

export async function startDaemon(options: StartDaemonOptions): Promise<void> {
  const { socketPath } = options;
  const stateDirectory = options.loaded.config.state.dir;
  const logFile = join(stateDirectory, 'daemon.log');
  const deadline = performance.now() + (options.deadlineMs ?? START_DEADLINE_MS);
  let attempt = spawnDaemon(options, stateDirectory, logFile);
  while (performance.now() < deadline) {
    if ((await probeSocket(socketPath)) === 'listening') return;
    if (attempt.failure !== undefined) {
      throw new AppError('INTERNAL', 'The mem-agent daemon could not be started', {
        hint: 'Run with --debug',
        cause: attempt.failure,
      });
    }
    if (attempt.hasEnded) {
      // Another one holds the state: it is about to answer, or it is ending and the next attempt has the lock.
      if (!textSince(logFile, attempt.startOfLog).includes('[STATE_LOCKED]')) {
        throw startFailed(logFile, attempt.startOfLog, 'ended at once');
      }
      await sleep(LOCKED_PAUSE_MS);
      if ((await probeSocket(socketPath)) === 'listening') return;
      attempt = spawnDaemon(options, stateDirectory, logFile);
    }
    await sleep(POLL_MS);
  }
  throw startFailed(logFile, attempt.startOfLog, 'did not answer in time');
}

interface Attempt {
  hasEnded: boolean;
  failure: Error | undefined;
  startOfLog: number;
}

function spawnDaemon(options: StartDaemonOptions, stateDirectory: string, logFile: string): Attempt {
  const log = openLog(stateDirectory, logFile);
  const attempt: Attempt = { hasEnded: false, failure: undefined, startOfLog: fstatSync(log).size };
  // Later flags win: the idle time may be set by the user, the transport may not (this process is the stdio side).
  const child = spawn(
    process.execPath,
    [
      ...DAEMON_NODE_FLAGS,
      mainScript(),
      'serve',
      `--daemon.idle-exit-ms=${IDLE_EXIT_MS}`,
      ...options.daemonArguments,
      '--mcp.transport=http',
    ],
    { detached: true, stdio: ['ignore', log, log] },
  );
  closeSync(log);
  child.once('exit', () => (attempt.hasEnded = true));
  child.once('error', (error) => (attempt.failure = error));
  child.unref();
  return attempt;
}

function openLog(stateDirectory: string, logFile: string): number {
  try {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    return openSync(logFile, 'a', 0o600);
  } catch (error) {
    throw new AppError('STORE_FAILED', `${logFile} cannot be written`, {
      hint: 'Check its permissions, or set state.dir to another directory',
      cause: error,
    });
  }
}

function startFailed(logFile: string, startOfLog: number, what: string): AppError {
  const lines = textSince(logFile, startOfLog).trim().split('\n');
  const last = readable(lines.at(-1) ?? '');
  return new AppError('MEMORY_UNAVAILABLE', `The mem-agent daemon ${what}${last === '' ? '' : `: ${last}`}`, {
    hint: `See ${logFile}, or run: mem-agent serve`,
  });
}

function textSince(file: string, offset: number): string {
  return readFileSync(file).subarray(offset).toString('utf8');
}

/** The message of a JSON log line, or the line. */
function readable(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'object' && entry !== null && 'msg' in entry ? String(entry.msg) : line;
  } catch (error) {
    if (error instanceof SyntaxError) return line;
    throw error;
  }
}
