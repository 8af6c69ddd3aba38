// A daemon of its own for the demo: temporary directories, free ports, an environment that nobody configured.
// Guarantees: it ends and its directory is gone when this is disposed, also when it never came up.
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../lib/app-error.ts';
import { mainScript } from './start-daemon.ts';
import { openUnixFetch, probeSocket, type UnixFetch } from './unix-fetch.ts';

export interface ChildDaemon extends AsyncDisposable {
  readonly admin: UnixFetch;
}

const START_DEADLINE_MS = 15_000;
const STOP_DEADLINE_MS = 5000;
/** What a child needs to run; the configuration of the person who runs the demo must not reach it. */
const KEPT_VARIABLES = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ'];

export async function openChildDaemon(options: { sampleMemory: string }): Promise<ChildDaemon> {
  await using stack = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-demo-'));
  stack.defer(() => rmSync(directory, { recursive: true, force: true, maxRetries: 3 }));
  const at = (name: string): string => join(directory, name);
  cpSync(options.sampleMemory, at('memory'), { recursive: true });
  mkdirSync(at('config'));

  const child = spawn(
    process.execPath,
    [
      mainScript(),
      'serve',
      '--http.listen=127.0.0.1:0',
      '--ops.listen=127.0.0.1:0',
      `--memory.dir=${at('memory')}`,
      `--state.dir=${at('state')}`,
      `--runtime.dir=${at('run')}`,
      '--model.backend=builtin',
      '--log.level=warn',
    ],
    {
      cwd: at('config'),
      env: {
        ...Object.fromEntries(KEPT_VARIABLES.map((name) => [name, process.env[name]])),
        CONFIGURATION_DIRECTORY: at('config'),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const log = keepTail(child);
  stack.defer(() => stopChild(child));
  stack.adopt(
    onInterrupt(() => {
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
    }),
    (forget) => forget(),
  );

  const socketPath = join(at('run'), 'admin.sock');
  const deadline = performance.now() + START_DEADLINE_MS;
  while ((await probeSocket(socketPath)) !== 'listening') {
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      throw new AppError('MEMORY_UNAVAILABLE', `The daemon of the demo did not start: ${log()}`, {
        hint: 'Try "mem-agent serve" to see all it says',
      });
    }
    await sleep(20);
  }
  const admin = stack.use(openUnixFetch(socketPath));
  const owned = stack.move();
  return { admin, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The last line it wrote; all of it is read, so that it never blocks on a full pipe. */
function keepTail(child: ChildProcess): () => string {
  let tail = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (text: string) => (tail = (tail + text).slice(-4000)));
  return () => tail.trim().split('\n').at(-1) ?? '';
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

/** Ctrl-C leaves nothing behind either. */
function onInterrupt(cleanUp: () => void): () => void {
  const stop = (): void => {
    cleanUp();
    process.exit(130);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  return () => {
    process.off('SIGINT', stop);
    process.off('SIGTERM', stop);
  };
}
