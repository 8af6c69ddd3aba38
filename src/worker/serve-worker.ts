// Serves a worker over a Unix socket, so that it lives in a process of its own and outlives the daemons that use it.
// Guarantees: the socket is private from its first moment, one process serves it (a lock beside it says who), a stale file is
// replaced only when nobody answers on it, and the worker is made only once the socket is ours.
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { removeStaleSocket } from '../lib/unix-socket.ts';
import { lockFile } from '../store/state-lock.ts';
import { createStatusFeed } from './status-feed.ts';
import type { WorkerEvent } from './worker-event.ts';
import type { ServerMessage } from './worker-protocol.ts';
import { WorkerSession } from './worker-session.ts';
import type { Worker } from './worker.ts';

export type WorkerServerEvent =
  | { type: 'daemon.attached'; daemons: number }
  | { type: 'daemon.gone'; daemons: number; reason: string; requestsEnded: number };

export interface ServeWorkerOptions {
  socketPath: string;
  /** Called once, when nobody else can be serving; `tell` reaches every daemon. The server owns and starts what it returns. */
  open(tell: (event: WorkerEvent) => void): Worker;
  onEvent?(event: WorkerServerEvent): void;
}

export interface WorkerServer extends AsyncDisposable {
  readonly socketPath: string;
  readonly worker: Worker;
}

/** How old what a daemon knows of the state may be. */
const LOOK_MS = 100;
const CONFIG_KEY = 'worker.socket';

export async function serveWorker({ socketPath, open, onEvent }: ServeWorkerOptions): Promise<WorkerServer> {
  await using stack = new AsyncDisposableStack();
  makeDirectory(socketPath);
  stack.use(lockFile(socketPath, (holder, cause) => alreadyServed(socketPath, holder, cause)));
  await removeStaleSocket(socketPath, CONFIG_KEY);
  const sessions = new Set<WorkerSession>();
  const attached = new Set<WorkerSession>();
  const server = createServer();
  await listen(server, socketPath);
  stack.defer(() => closeServer(server, sessions));

  const tell = (message: ServerMessage): void => {
    for (const session of attached) session.send(message);
  };
  const worker = open((event) => tell({ type: 'event', event: withoutMuch(event) }));
  const feed = createStatusFeed(worker);
  const look = (): void => {
    if (attached.size > 0) for (const message of feed.look()) tell(message);
  };
  const timer = setInterval(look, LOOK_MS);
  server.on('connection', (socket) => {
    const session = new WorkerSession(socket, {
      worker,
      greeting: () => feed.all(),
      onChanged: look,
      onAttached() {
        attached.add(session);
        onEvent?.({ type: 'daemon.attached', daemons: attached.size });
      },
      onEnd({ wasAttached, reason, requestsEnded }) {
        sessions.delete(session);
        attached.delete(session);
        if (wasAttached) onEvent?.({ type: 'daemon.gone', daemons: attached.size, reason, requestsEnded });
      },
    });
    sessions.add(session);
  });
  worker.start();
  const owned = stack.move();
  return {
    socketPath,
    worker,
    async [Symbol.asyncDispose]() {
      // While it ends, daemons still see how: draining, then stopped.
      await worker[Symbol.asyncDispose]();
      look();
      clearInterval(timer);
      await owned.disposeAsync();
    },
  };
}

/** The metrics of a failure come with the status; twice would be too much for one line. */
function withoutMuch(event: WorkerEvent): WorkerEvent {
  return 'failure' in event ? { ...event, failure: { ...event.failure, metrics: '' } } : event;
}

function makeDirectory(socketPath: string): void {
  try {
    mkdirSync(dirname(socketPath), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw socketFailed(socketPath, error);
  }
}

/** 0600; where the directory lets in its group and nobody else, the group may connect: a worker that has its own user. */
function modeFor(socketPath: string): number {
  return (statSync(dirname(socketPath)).mode & 0o017) === 0o010 ? 0o660 : 0o600;
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const mode = modeFor(socketPath);
    server.once('error', (error) => reject(socketFailed(socketPath, error)));
    server.once('listening', () => {
      chmodSync(socketPath, mode);
      resolve();
    });
    // Never there with wider permissions, not even before chmod; bind happens inside the call.
    const oldMask = process.umask(0o777 & ~mode);
    server.listen({ path: socketPath });
    process.umask(oldMask);
  });
}

/** Node removes the socket's file itself. */
function closeServer(server: Server, sessions: ReadonlySet<WorkerSession>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    for (const session of sessions) session.close();
  });
}

function alreadyServed(socketPath: string, holder: string, cause: unknown): AppError {
  return new AppError('STATE_LOCKED', `Another worker process serves ${socketPath}${holder}`, {
    hint: 'Use that one (mem-agent worker status), stop it, or set worker.socket to another path',
    cause,
  });
}

function socketFailed(socketPath: string, error: unknown): AppError {
  const code = systemErrorCode(error) ?? 'unknown error';
  return new AppError('CONFIG_INVALID', `${CONFIG_KEY}: can't listen on ${socketPath} (${code})`, {
    hint: `Make ${dirname(socketPath)} writable for this user, or set ${CONFIG_KEY} to another path`,
    cause: error,
  });
}
