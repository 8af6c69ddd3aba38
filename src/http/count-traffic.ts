// Counts the bytes and the open connections of one listener, for the metrics.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

export interface Traffic {
  connections: number;
  receivedBytes: number;
  sentBytes: number;
}

/** The answer is for now: connections that are still open are in it. */
export function countTraffic(server: Server): { sockets: ReadonlySet<Socket>; traffic(): Traffic } {
  const sockets = new Set<Socket>();
  const ended = { receivedBytes: 0, sentBytes: 0 };
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      ended.receivedBytes += socket.bytesRead;
      ended.sentBytes += socket.bytesWritten;
    });
  });
  return {
    sockets,
    traffic() {
      const sum = { connections: sockets.size, ...ended };
      for (const socket of sockets) {
        sum.receivedBytes += socket.bytesRead;
        sum.sentBytes += socket.bytesWritten;
      }
      return sum;
    },
  };
}
