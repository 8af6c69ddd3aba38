// `fetch` over a Unix socket, and the look whether somebody listens on one.
// Guarantees: "permission denied" is an error, never "nobody is there"; a stale socket is nobody.
import { connect } from 'node:net';
import { Agent, fetch as undiciFetch } from 'undici';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface UnixFetch extends AsyncDisposable {
  /** Lets what is in flight end by itself; nothing new is sent. */
  retire(): void;
  readonly socketPath: string;
  /** `path` with a leading slash. Agent runs take minutes, so there is no timeout besides the signal's. */
  fetch(
    path: string,
    init?: { method?: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal },
  ): Promise<Response>;
}

export function openUnixFetch(socketPath: string): UnixFetch {
  let isRetired = false;
  // No connection is used twice: written to one that a daemon left behind, nobody could tell if a request had arrived.
  const agent = new Agent({
    connect: { socketPath },
    pipelining: 0,
    headersTimeout: 0,
    bodyTimeout: 0,
    connections: null,
  });
  return {
    socketPath,
    async fetch(path, init = {}) {
      const response = await undiciFetch(`http://localhost${path}`, { ...init, dispatcher: agent });
      return response;
    },
    retire() {
      if (!isRetired) void agent.close();
      isRetired = true;
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}

export type SocketState = 'listening' | 'absent' | 'stale';

const CONNECT_TIMEOUT_MS = 5000;

export function probeSocket(socketPath: string): Promise<SocketState> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    socket.setTimeout(CONNECT_TIMEOUT_MS, () =>
      socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
    );
    socket.once('connect', () => {
      socket.destroy();
      resolve('listening');
    });
    socket.once('error', (error) => {
      const code = systemErrorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR') resolve('absent');
      else if (code === 'ECONNREFUSED') resolve('stale');
      else if (code === 'EACCES' || code === 'EPERM') reject(denied(socketPath, error));
      else
        reject(
          new AppError('STORE_FAILED', `The admin socket ${socketPath} does not answer (${code ?? 'unknown error'})`, {
            hint: 'Restart mem-agent',
            cause: error,
          }),
        );
    });
  });
}

function denied(socketPath: string, cause: unknown): AppError {
  return new AppError('PERMISSION_DENIED', `You may not use the admin socket ${socketPath}`, {
    hint: 'Run the command as the user that mem-agent runs as, or with sudo; your own instance: --state.dir DIR --runtime.dir DIR',
    cause,
  });
}

const NEVER_SENT = ['ECONNREFUSED', 'ENOENT', 'UND_ERR_CLOSED'];
const BROKEN_OFF = ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'];

/** True when the request never reached anyone, so that anything may be sent again. */
export function isNotConnected(error: unknown): boolean {
  return hasCode(error, NEVER_SENT);
}

/** True when a connection broke before an answer: only what changes nothing may be sent again. */
export function isConnectionLost(error: unknown): boolean {
  return hasCode(error, NEVER_SENT) || hasCode(error, BROKEN_OFF);
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  for (let current: unknown = error; current instanceof Error; current = current.cause) {
    if (codes.includes(systemErrorCode(current) ?? '')) return true;
  }
  return false;
}
