// Where something listens: `HOST:PORT`, `[IPV6]:PORT` or `unix:PATH`, parsed once and judged here.
// What parses can be listened on, as far as syntax can tell.
import ipaddr from 'ipaddr.js';
import { AppError } from '../lib/app-error.ts';

export type ListenAddress = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

export const LISTEN_FORMAT = 'HOST:PORT, [IPV6]:PORT or unix:PATH';

/** `sun_path` of the smallest platform we run on, without its closing NUL. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?)*\.?$/i;

/** True for an IPv4 address, an IPv6 address without brackets, or a host name. */
export function isHost(host: string): boolean {
  if (/^[\d.]+$/.test(host)) return ipaddr.IPv4.isValidFourPartDecimal(host);
  return host.includes(':') ? ipaddr.IPv6.isValid(host) : HOST_NAME.test(host);
}

/** True for an address or name that only this machine can reach. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (bare === 'localhost' || bare.endsWith('.localhost')) return true;
  if (!ipaddr.isValid(bare)) return false;
  return ipaddr.process(bare).range() === 'loopback';
}

/** True if nobody on another machine can connect: loopback addresses and Unix sockets. */
export function isLoopback(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopbackHost(address.host);
}

/** Why a path cannot be a Unix socket, or undefined. */
export function socketPathProblem(path: string): string | undefined {
  const sizeBytes = Buffer.byteLength(path);
  if (path === '') return 'the path of the Unix socket is missing';
  if (path.includes('\0')) return 'the path of the Unix socket has a NUL in it';
  if (sizeBytes <= MAX_SOCKET_PATH_BYTES) return undefined;
  return `the path of the Unix socket has ${sizeBytes} bytes, the system allows ${MAX_SOCKET_PATH_BYTES}`;
}

/** Throws `CONFIG_INVALID` for anything that is none of the three forms. Port 0 asks the system for a free one. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    const problem = socketPathProblem(path);
    if (problem !== undefined) throw invalid(problem);
    return { kind: 'unix', path };
  }
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  if (match === null) throw invalid(`it is not ${LISTEN_FORMAT}`);
  const [, v6, name] = match;
  const host = v6 ?? name ?? '';
  const port = Number(match[3]);
  if (v6 === undefined ? !isHost(host) : !ipaddr.IPv6.isValid(v6)) throw invalid(`"${host}" is no host`);
  if (port > 65_535) throw invalid(`${port} is no port, they go from 0 to 65535`);
  return { kind: 'tcp', host, port };
}

/** The text form, as `parseListenAddress` reads it. */
export function formatListenAddress(address: ListenAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

function invalid(message: string): AppError {
  return new AppError('CONFIG_INVALID', message, { hint: `Write ${LISTEN_FORMAT}, for example 127.0.0.1:8081` });
}
