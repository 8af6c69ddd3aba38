// Opens one listener and closes it without losing what is in flight: stop accepting, let requests finish until the
// deadline, then cut. Slow clients are cut: by Node's own timeouts, checked every 2 s, and where nothing moves any more.
import { randomUUIDv7 } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { getRequestListener, RequestError } from '@hono/node-server';
import type { Hono } from 'hono';
import type { ListenAddress as ConfiguredAddress } from '../config/listen-address.ts';
import { AppError, systemErrorCode, toAppError } from '../lib/app-error.ts';
import { answerBrokenRequests, malformedRequest, refuseSeveralHosts } from './broken-requests.ts';
import { capConnections } from './connection-cap.ts';
import { countTraffic, type Traffic } from './count-traffic.ts';
import type { HttpEnv } from './env.ts';
import type { ListenAddress } from './listen-address.ts';
import { problemResponse } from './errors.ts';
import { parseTrustedProxies } from './middleware/client-address.ts';
import { closeStalledSockets } from './stalled-sockets.ts';
import { removeStaleSocket } from '../lib/unix-socket.ts';

export interface ListenerOptions {
  address: ListenAddress;
  /** The configuration key, for messages: `http.listen`, `ops.listen`, `admin.socket`. */
  key: string;
  /** Mode of a Unix socket's file. Default 0600. */
  socketMode?: number;
  maxConnections?: number;
  maxConnectionsPerAddress?: number;
  trustedProxies?: readonly string[];
  headersTimeoutMs?: number;
  requestTimeoutMs?: number;
  /** A kept connection without a request; a trusted proxy or the peer of a Unix socket has PROXY_KEEP_ALIVE_MS. */
  keepAliveTimeoutMs?: number;
  /** A client that does not read its answer. */
  stallTimeoutMs?: number;
  onConnectionRefused?: (reason: 'total' | 'address') => void;
}

export interface Listener extends AsyncDisposable {
  /** `127.0.0.1:8081`, `unix:/run/…/admin.sock`; what to show and to connect to. */
  readonly url: string;
  readonly port: number | undefined;
  /** Where it really listens; without a Unix socket that was passed, whose file is not ours. */
  readonly addresses: readonly ConfiguredAddress[];
  /** Since it was opened. */
  traffic(): Traffic;
  /** Stops accepting and waits for requests in flight; what is left at the deadline is cut. */
  drain(deadlineMs: number): Promise<void>;
}

const TIMEOUT_CHECK_MS = 2_000;
/** Longer than nginx keeps its own side (60 s), so that it never sends into a connection that just ended. */
const PROXY_KEEP_ALIVE_MS = 75_000;
/** Seen twice before the cut: Node starts the time anew when part of the answer had gone out. */
const STALL_MS = 6_000;
/** How long a drain waits for the request of a connection that it found without one. */
const FIRST_BYTE_GRACE_MS = 1_000;

export async function openListener(app: Hono<HttpEnv>, options: ListenerOptions): Promise<Listener> {
  const { address, key, headersTimeoutMs = 5_000, requestTimeoutMs = 10_000, keepAliveTimeoutMs = 10_000 } = options;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.min(TIMEOUT_CHECK_MS, headersTimeoutMs),
    noDelay: true,
    // Answered by us, with a code.
    requireHostHeader: false,
  });
  const isTrustedProxy = parseTrustedProxies(options.trustedProxies ?? []);
  const refusalOf = capConnections(server, {
    maxConnections: options.maxConnections ?? 1024,
    maxConnectionsPerAddress: options.maxConnectionsPerAddress ?? 256,
    isExempt: isTrustedProxy,
    ...(options.onConnectionRefused !== undefined && { onRefused: options.onConnectionRefused }),
  });
  const answerOf = closeStalledSockets(server, {
    stallTimeoutMs: options.stallTimeoutMs ?? STALL_MS,
    proxyKeepAliveTimeoutMs: PROXY_KEEP_ALIVE_MS,
    isProxy: ({ remoteAddress }) => remoteAddress === undefined || isTrustedProxy(remoteAddress),
  });
  answerBrokenRequests(server, answerOf);
  // The adapter replaces the global Request and Response by its lighter ones: half the cost of a call.
  const answer = getRequestListener(
    (request, env) => {
      const refusal = refusalOf(env.incoming.socket);
      return refusal === undefined
        ? (refuseSeveralHosts(env.incoming) ?? app.fetch(request, env))
        : problemResponse(refusal, randomUUIDv7(), { connection: 'close' });
    },
    {
      errorHandler: (error) =>
        error instanceof RequestError ? malformedRequest() : problemResponse(toAppError(error), randomUUIDv7()),
    },
  );
  server.on('request', (incoming, outgoing) => void answer(incoming, outgoing));
  // An expectation that nobody knows may be ignored, and then the request has an answer as every other.
  server.on('checkExpectation', (incoming, outgoing) => server.emit('request', incoming, outgoing));
  const { sockets, traffic } = countTraffic(server);
  if (address.kind === 'unix') await removeStaleSocket(address.path, key);
  await listen(server, address, key, options.socketMode ?? 0o600);

  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : undefined;
  let closing: Promise<void> | undefined;
  const drain = (deadlineMs: number): Promise<void> => {
    closing ??= closeServer(server, sockets, deadlineMs);
    return closing;
  };
  return {
    url: describe(address, bound),
    port,
    addresses: addressesOf(bound),
    traffic,
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}

async function listen(server: Server, address: ListenAddress, key: string, socketMode: number): Promise<void> {
  // The file must never exist with wider permissions, not even before chmod. Bind happens inside the call.
  const oldMask = address.kind === 'unix' ? process.umask(0o777 & ~socketMode) : undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', resolve);
      if (address.kind === 'unix') server.listen({ path: address.path });
      else if (address.kind === 'fd') server.listen({ fd: address.fd });
      else server.listen({ host: address.host, port: address.port });
      if (oldMask !== undefined) process.umask(oldMask);
    });
  } catch (error) {
    throw listenError(error, address, key);
  }
  server.removeAllListeners('error');
  if (address.kind === 'unix') chmodSync(address.path, socketMode);
}

function listenError(error: unknown, address: ListenAddress, key: string): AppError {
  const where = describe(address, null);
  const fix: Record<string, string> = {
    EADDRINUSE: `Something already listens there (is mem-agent running already?). Stop it, or set ${key} to another address`,
    EACCES: `This user may not listen there. Use a port above 1023 or a directory you own, or change ${key}`,
    EADDRNOTAVAIL: `This machine has no such address. Set ${key} to one it has, or to 127.0.0.1`,
    ENOTFOUND: `The name is not known. Set ${key} to an IP address`,
    ENOENT: `The directory does not exist. Make it, or set ${key} to another path`,
  };
  return new AppError(
    'CONFIG_INVALID',
    `${key}: can't listen on ${where} (${systemErrorCode(error) ?? 'unknown error'})`,
    {
      hint: fix[systemErrorCode(error) ?? ''] ?? `Check ${key}`,
      cause: error,
    },
  );
}

function addressesOf(bound: ReturnType<Server['address']>): ConfiguredAddress[] {
  if (bound === null) return [];
  return [
    typeof bound === 'string' ? { kind: 'unix', path: bound } : { kind: 'tcp', host: bound.address, port: bound.port },
  ];
}

function describe(address: ListenAddress, bound: ReturnType<Server['address']>): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  if (typeof bound === 'string') return `unix:${bound}`;
  if (bound !== null)
    return `http://${bound.address.includes(':') ? `[${bound.address}]` : bound.address}:${bound.port}`;
  return address.kind === 'fd' ? `fd ${address.fd}` : `${address.host}:${address.port}`;
}

/**
 * Waits for every connection; the kept ones are freed again and again. Not by `server.close`: it begins with cutting what it
 * takes for idle, also who was accepted a moment ago and was not read yet.
 */
async function closeServer(server: Server, sockets: ReadonlySet<Socket>, deadlineMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    NetServer.prototype.close.call(server, () => resolve());
  });
  const startedMs = performance.now();
  const closeIdle = (): void => {
    const isAnyoneNew = sockets.values().some((socket) => socket.bytesRead === 0);
    if (!isAnyoneNew || performance.now() - startedMs > FIRST_BYTE_GRACE_MS) server.closeIdleConnections();
  };
  closeIdle();
  const idle = setInterval(closeIdle, 50);
  const deadline = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of sockets) socket.destroy();
  }, deadlineMs);
  try {
    await closed;
  } finally {
    clearInterval(idle);
    clearTimeout(deadline);
    // Ends its checks of the timeouts, which are wanted until here.
    server.close();
  }
}
