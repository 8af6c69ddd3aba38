// A real HTTP server whose every answer the test writes; for engines that lie, stall or never end.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

export interface HttpStandIn extends AsyncDisposable {
  /** With `/v1`, or `unix:PATH`. */
  readonly baseUrl: string;
  readonly seen: readonly SeenRequest[];
  openConnections(): Promise<number>;
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;

export async function startHttpStandIn(answer: Answer, options: { socketPath?: string } = {}): Promise<HttpStandIn> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const entry = {
        method: request.method ?? '',
        url: request.url ?? '',
        headers: request.headers,
        body: Buffer.concat(pieces).toString('utf8'),
      };
      seen.push(entry);
      answer(entry, response);
    });
  });
  server.listen(options.socketPath === undefined ? { port: 0, host: '127.0.0.1' } : { path: options.socketPath });
  await once(server, 'listening');
  const address = server.address();
  const baseUrl =
    options.socketPath === undefined
      ? `http://127.0.0.1:${(address as AddressInfo).port}/v1`
      : `unix:${options.socketPath}`;
  return {
    baseUrl,
    seen,
    openConnections: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
      ),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
