// Bounds the connections of one listener, in all and by address, so that one peer can't use up what is for everybody.
// Trusted proxies are exempt from the bound by address: they speak for many. Guarantee: beyond the bound only a few are kept,
// for a moment, and only to be told.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../lib/app-error.ts';
import type { AddressTest } from './middleware/client-address.ts';

export interface ConnectionCapOptions {
  maxConnections: number;
  maxConnectionsPerAddress: number;
  isExempt: AddressTest;
  /** Called for each connection that is one too many. */
  onRefused?: (reason: 'total' | 'address') => void;
}

const MOST_TOLD = 64;
const TOLD_WITHIN_MS = 1000;

/** The answer is for the requests of a connection: the error to refuse them with, if it is one too many. */
export function capConnections(
  server: Server,
  options: ConnectionCapOptions,
): (socket: Socket) => AppError | undefined {
  const countByAddress = new Map<string, number>();
  const refused = new Map<Socket, AppError>();
  let total = 0;
  server.maxConnections = options.maxConnections + MOST_TOLD;
  server.on('drop', () => options.onRefused?.('total'));

  const refuse = (socket: Socket, reason: 'total' | 'address'): void => {
    options.onRefused?.(reason);
    if (refused.size >= MOST_TOLD) {
      socket.destroy();
      return;
    }
    refused.set(socket, tooMany(reason));
    const timer = setTimeout(() => socket.destroy(), TOLD_WITHIN_MS);
    socket.once('close', () => {
      clearTimeout(timer);
      refused.delete(socket);
    });
  };

  server.on('connection', (socket) => {
    const address = socket.remoteAddress;
    const counted = address === undefined || options.isExempt(address) ? undefined : address;
    const ofAddress = counted === undefined ? 0 : (countByAddress.get(counted) ?? 0);
    if (total >= options.maxConnections) return refuse(socket, 'total');
    if (ofAddress >= options.maxConnectionsPerAddress) return refuse(socket, 'address');
    total += 1;
    if (counted !== undefined) countByAddress.set(counted, ofAddress + 1);
    socket.once('close', () => {
      total -= 1;
      if (counted === undefined) return;
      const left = (countByAddress.get(counted) ?? 1) - 1;
      if (left <= 0) countByAddress.delete(counted);
      else countByAddress.set(counted, left);
    });
  });
  return (socket) => refused.get(socket);
}

function tooMany(reason: 'total' | 'address'): AppError {
  return reason === 'total'
    ? new AppError('TOO_MANY_CONNECTIONS', 'Too many connections are open', {
        hint: 'Try again in a few seconds, or raise http.max_connections',
        retryAfterS: 5,
      })
    : new AppError('TOO_MANY_CONNECTIONS', 'Too many connections from this address are open', {
        hint: 'Close some, or raise http.max_connections_per_address; name a proxy in http.trusted_proxies',
        retryAfterS: 5,
      });
}
