// Closes connections on which nothing moves: a client that does not read its answer, a kept connection without a next request.
// Guarantees: an answer that takes long is never cut while the client would read it; a trusted proxy or the peer of a Unix
// socket may keep a connection longer, since it speaks for many.
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface StalledSocketsOptions {
  stallTimeoutMs: number;
  proxyKeepAliveTimeoutMs: number;
  isProxy: (socket: Socket) => boolean;
}

/** The answer tells the latest response of a connection. */
export function closeStalledSockets(
  server: Server,
  { stallTimeoutMs, proxyKeepAliveTimeoutMs, isProxy }: StalledSocketsOptions,
): (socket: Socket) => ServerResponse | undefined {
  const answers = new WeakMap<Socket, ServerResponse>();
  server.on('request', ({ socket }, outgoing) => {
    answers.set(socket, outgoing);
    // Node has set the time of a kept connection just before.
    if (isProxy(socket)) outgoing.once('finish', () => socket.setTimeout(proxyKeepAliveTimeoutMs));
  });
  server.setTimeout(stallTimeoutMs, (socket: Socket) => {
    const answer = answers.get(socket);
    const waitsForUs = answer !== undefined && !answer.writableFinished && socket.writableLength === 0;
    if (waitsForUs) socket.setTimeout(stallTimeoutMs);
    else socket.destroy();
  });
  return (socket) => answers.get(socket);
}
