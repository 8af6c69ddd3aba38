// Bounds the connections of one listener, in all and by address, so that one peer can't use up what is for everybody.
// Trusted proxies are exempt from the bound by address: they speak for many.
import type { Server } from 'node:http';
import type { AddressTest } from './middleware/client-address.ts';

export interface ConnectionCapOptions {
  maxConnections: number;
  maxConnectionsPerAddress: number;
  isExempt: AddressTest;
  /** Called for each connection that was closed at once. */
  onRefused?: (reason: 'total' | 'address') => void;
}

export function capConnections(server: Server, options: ConnectionCapOptions): void {
  const countByAddress = new Map<string, number>();
  server.maxConnections = options.maxConnections;
  server.on('drop', () => options.onRefused?.('total'));
  server.on('connection', (socket) => {
    const address = socket.remoteAddress;
    if (address === undefined || options.isExempt(address)) return;
    const count = (countByAddress.get(address) ?? 0) + 1;
    countByAddress.set(address, count);
    socket.once('close', () => {
      const left = (countByAddress.get(address) ?? 1) - 1;
      if (left <= 0) countByAddress.delete(address);
      else countByAddress.set(address, left);
    });
    if (count > options.maxConnectionsPerAddress) {
      options.onRefused?.('address');
      socket.destroy();
    }
  });
}
