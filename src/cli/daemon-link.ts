// The way from a shim to its daemon: found or started on demand, found again after a restart, kept alive by a lease.
// Guarantees: what surely did not reach a daemon, or changes nothing, is sent again to the next one; anything else is not. A
// daemon of another state directory is refused.
import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadedConfig } from '../config/load-config.ts';
import { AppError } from '../lib/app-error.ts';
import type { CliContext } from './cli-context.ts';
import { findDaemon } from './find-daemon.ts';
import { startDaemon } from './start-daemon.ts';
import { isConnectionLost, isNotConnected, openUnixFetch, type UnixFetch } from './unix-fetch.ts';

export interface DaemonLink extends AsyncDisposable {
  /** Connects, starting a daemon if none runs; throws AppError with what to do. */
  connect(): Promise<void>;
  /** `isRepeatable`: the request changes nothing, so it may be sent again when a connection breaks off. */
  fetch(path: string, init?: Parameters<UnixFetch['fetch']>[1], isRepeatable?: boolean): Promise<Response>;
}

const ATTEMPTS = 5;
const PAUSE_MS = 100;

interface Connection {
  unix: UnixFetch;
  lease: AbortController;
}

export function openDaemonLink(context: Pick<CliContext, 'load' | 'daemonArguments'>): DaemonLink {
  let current: Promise<Connection> | undefined;
  let live: Connection | undefined;
  const closing = new AbortController();

  function connection(): Promise<Connection> {
    current ??= openAgain(open).catch((error: unknown) => {
      current = undefined;
      throw error;
    });
    return current;
  }

  async function open(): Promise<Connection> {
    const first = context.load();
    const found = await findDaemon(first);
    const loaded = context.load(found.flags);
    if (!found.isRunning)
      await startDaemon({ loaded, socketPath: found.socketPath, daemonArguments: context.daemonArguments });
    const unix = openUnixFetch(found.socketPath);
    try {
      await assertSameState(unix, loaded);
      return await takeLease(unix);
    } catch (error) {
      await unix[Symbol.asyncDispose]();
      throw error;
    }
  }

  async function takeLease(unix: UnixFetch): Promise<Connection> {
    const lease = new AbortController();
    const response = await unix.fetch('/admin/v1/leases', { signal: AbortSignal.any([lease.signal, closing.signal]) });
    const connected: Connection = { unix, lease };
    live = connected;
    void watch(response, () => forget(connected));
    return connected;
  }

  /** The daemon went: what is in flight fails by itself, the next message looks for a new one. */
  function forget(gone: Connection): void {
    if (live === gone) {
      live = undefined;
      current = undefined;
    }
    gone.unix.retire();
  }

  return {
    connect: async () => void (await connection()),
    async fetch(path, init, isRepeatable = false) {
      for (let attempt = 1; ; attempt++) {
        const connected = await connection();
        try {
          return await connected.unix.fetch(path, init);
        } catch (error) {
          const mayRepeat = isRepeatable ? isConnectionLost(error) : isNotConnected(error);
          if (!mayRepeat || attempt === ATTEMPTS || init?.signal?.aborted === true) throw error;
          forget(connected);
          await sleep(PAUSE_MS);
        }
      }
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      const last = await current?.catch(() => undefined);
      await last?.unix[Symbol.asyncDispose]();
    },
  };
}

/** A daemon that is killed still accepts for a moment: that is none, and soon its socket says so. */
async function openAgain(open: () => Promise<Connection>): Promise<Connection> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await open();
    } catch (error) {
      if (!isConnectionLost(error) || attempt === ATTEMPTS) throw error;
      await sleep(PAUSE_MS);
    }
  }
}

/** Reads the lease's stream until it ends, however it ends. */
async function watch(response: Response, onEnd: () => void): Promise<void> {
  try {
    const reader = response.body?.getReader();
    for (let isOpen = reader !== undefined; isOpen;) isOpen = (await reader?.read())?.done === false;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  } finally {
    onEnd();
  }
}

/** A shared runtime directory must not lead to the memory of somebody else's daemon. */
export async function assertSameState(unix: UnixFetch, loaded: LoadedConfig): Promise<void> {
  const response = await unix.fetch('/admin/v1/status');
  const status = (await response.json()) as { stateDirectory?: unknown };
  const wanted = loaded.config.state.dir;
  if (typeof status.stateDirectory !== 'string' || isSameDirectory(status.stateDirectory, wanted)) return;
  throw new AppError(
    'STATE_LOCKED',
    `The daemon on ${unix.socketPath} works in ${status.stateDirectory}, not in ${wanted}`,
    {
      hint: 'Give this instance its own socket as well: --runtime.dir DIR',
    },
  );
}

function isSameDirectory(one: string, other: string): boolean {
  if (one === other) return true;
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
}
