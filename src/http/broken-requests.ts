// Answers what never becomes a request of the app: no HTTP, headers too large or too slow, no Host, two, a URL that is none.
// Guarantees: the same code and hint as every other refusal has, nothing of what was sent, and the connection ends.
import { randomUUIDv7 } from 'node:crypto';
import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { problemBody, problemResponse } from './errors.ts';

/** `answerOf` is the latest response of a connection, if it had a request. */
export function answerBrokenRequests(server: Server, answerOf: (socket: Socket) => ServerResponse | undefined): void {
  server.on('clientError', (error, duplex) => {
    const socket = duplex as Socket;
    const answer = answerOf(socket);
    // Amid an answer nothing more can be said.
    const isAnswering = answer !== undefined && answer.headersSent && !answer.writableFinished;
    if (!socket.writable || isAnswering) {
      socket.destroy();
      return;
    }
    socket.write(renderRefusal(problemOf(systemErrorCode(error))), 'latin1');
    socket.destroySoon();
  });
}

/** A request that was read, and of which no URL could be made. */
export function malformedRequest(): Response {
  const error = new AppError('INVALID_INPUT', 'The Host header or the request target is malformed', {
    hint: 'Send one Host header (HOST:PORT) and a path that begins with /',
  });
  return problemResponse(error, randomUUIDv7(), { connection: 'close' });
}

/**
 * The refusal of a request with several Hosts, or null (RFC 9112, 3.2): Node takes the first, a proxy in front may have taken
 * the other, and then the two speak of different services. Looked for in what was sent, since Node's joined headers drop it.
 * A target that is a whole URL names one more (3.2.2), which may only be the same.
 */
export function refuseSeveralHosts({
  rawHeaders,
  url = '/',
}: Pick<IncomingMessage, 'rawHeaders' | 'url'>): Response | null {
  const inTarget = url.startsWith('/') ? undefined : /^[a-z]+:\/\/([^/?#]*)/i.exec(url)?.[1]?.toLowerCase();
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length !== 4 || name.toLowerCase() !== 'host') continue;
    const value = rawHeaders[i + 1]?.toLowerCase();
    hosts += value?.includes(',') === true || (inTarget !== undefined && inTarget !== value) ? 2 : 1;
  }
  if (hosts < 2) return null;
  const error = new AppError('INVALID_INPUT', 'The request names more than one Host', {
    hint: 'Send one Host header (HOST:PORT) with one value',
  });
  return problemResponse(error, randomUUIDv7(), { connection: 'close' });
}

function problemOf(code: string | undefined): AppError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new AppError('REQUEST_TIMEOUT', 'The request did not come in time', {
        hint: 'Send headers and body at once; see http.headers_timeout_ms and http.request_timeout_ms',
      });
    case 'HPE_HEADER_OVERFLOW':
      return new AppError('HEADERS_TOO_LARGE', 'The headers are larger than 16 KiB', { hint: 'Send fewer headers' });
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new AppError('TOO_LARGE', 'The chunk extensions are too large', { hint: 'Send the body without them' });
    default:
      return new AppError('INVALID_INPUT', 'This is not a valid HTTP/1.1 request', {
        hint: 'Speak plain HTTP/1.1 here; TLS and HTTP/2 end at the proxy in front',
      });
  }
}

function renderRefusal(error: AppError): string {
  // Our own words, in ASCII, so that characters are bytes.
  const body = JSON.stringify(problemBody(error, randomUUIDv7()));
  const head = [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}`,
    'Content-Type: application/problem+json',
    'X-Content-Type-Options: nosniff',
    'Cache-Control: no-store',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
