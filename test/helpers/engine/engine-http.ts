// The HTTP side of every test engine: listens as told, counts what comes in, and lets tests steer it under /control/.
// Guarantee: control traffic comes on connections of its own and is not counted.
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { EngineFaults } from './engine-faults.ts';
import type { EngineState } from './engine-state.ts';
import type { EngineScript } from './script.ts';

export type Handler = (call: EngineCall) => Promise<void> | void;

export interface EngineCall {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  /** Read once, of requests that have one. */
  body: string;
}

export interface ReceivedRequest {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

export interface Received {
  connections: number;
  /** Every byte of every connection that is not a test's own, headers and broken requests included. */
  sizeBytes: number;
  requests: ReceivedRequest[];
}

export interface Listening {
  server: Server;
  port: number | null;
}

export interface ListenTarget {
  host: string;
  port: number;
  /** Instead of host and port. */
  socketPath?: string;
}

export async function listen(state: EngineState, target: ListenTarget, handle: Handler): Promise<Listening> {
  const received = new ReceivedTraffic();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://engine');
    const isControl = url.pathname.startsWith('/control/');
    if (isControl) received.exclude(request.socket);
    const answer = async (): Promise<void> => {
      const body = await readText(request);
      if (isControl) return control(state, received, { request, response, url, body });
      received.add(request, body);
      await handle({ request, response, url, body });
    };
    answer().catch((error: unknown) => {
      process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      if (response.headersSent) response.destroy();
      else sendJson(response, 500, { error: { message: 'the engine failed', type: 'InternalServerError', code: 500 } });
    });
  });
  server.on('connection', (socket) => received.connect(socket));
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (target.socketPath === undefined)
      server.listen({ host: target.host, port: target.port, backlog: 2048 }, resolve);
    else server.listen({ path: target.socketPath, backlog: 2048 }, resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : null };
}

/** Tells the test that started us where we listen, if it asked. */
export function announce({ port }: Listening, socketPath?: string): void {
  if (process.env['MEMA_ENGINE_ANNOUNCE'] !== '1') return;
  process.stdout.write(`${JSON.stringify({ port, uds: socketPath ?? null })}\n`);
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

function control(state: EngineState, received: ReceivedTraffic, { url, response, body }: EngineCall): void {
  switch (url.pathname) {
    case '/control/requests':
      return sendJson(response, 200, state.seen);
    case '/control/received':
      return sendJson(response, 200, received.summary());
    case '/control/script':
      state.script = JSON.parse(body) as EngineScript;
      break;
    case '/control/models':
      state.models = JSON.parse(body) as string[];
      break;
    case '/control/faults':
      state.replaceFaults(JSON.parse(body) as EngineFaults);
      break;
    default: {
      const extra = state.extraControl(url.pathname, body);
      return sendJson(response, extra === undefined ? 404 : 200, extra ?? {});
    }
  }
  sendJson(response, 200, {});
}

class ReceivedTraffic {
  readonly #requests: ReceivedRequest[] = [];
  readonly #open = new Set<Socket>();
  #connections = 0;
  #closedBytes = 0;

  connect(socket: Socket): void {
    this.#connections += 1;
    this.#open.add(socket);
    socket.once('close', () => {
      if (this.#open.delete(socket)) this.#closedBytes += socket.bytesRead;
    });
  }

  exclude(socket: Socket): void {
    if (this.#open.delete(socket)) this.#connections -= 1;
  }

  add(request: IncomingMessage, body: string): void {
    this.#requests.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body });
  }

  summary(): Received {
    const openBytes = [...this.#open].reduce((sum, socket) => sum + socket.bytesRead, 0);
    return { connections: this.#connections, sizeBytes: this.#closedBytes + openBytes, requests: this.#requests };
  }
}
