// Where a listener listens: `host:port`, `[v6]:port`, `unix:PATH`, or the socket that systemd passed under its name.
import { AppError } from '../lib/app-error.ts';
import { isLoopbackAddress } from './middleware/client-address.ts';

export type ListenAddress =
  | { kind: 'tcp'; host: string; port: number }
  | { kind: 'unix'; path: string }
  | { kind: 'fd'; fd: number };

/** `key` is the configuration key that an error names. */
export function parseListenAddress(text: string, key: string): ListenAddress {
  const wrong = (why: string): AppError =>
    new AppError('CONFIG_INVALID', `${key} = "${text}": ${why}`, {
      hint: 'Write "127.0.0.1:8081", "[::1]:8081" or "unix:/path/to.sock"',
    });
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length);
    if (!path.startsWith('/')) throw wrong('the path of a Unix socket must be absolute');
    // The kernel's limit for sun_path, less the final NUL.
    if (Buffer.byteLength(path) > 103) throw wrong('the path of a Unix socket may have 103 bytes at most');
    return { kind: 'unix', path };
  }
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined) throw wrong('this is not an address with a port');
  const port = Number(match?.[3]);
  if (port > 65_535) throw wrong('a port is at most 65535');
  return { kind: 'tcp', host, port };
}

/** Sockets passed by systemd, by name (`FileDescriptorName=`), and only if they are meant for this process. */
export function systemdSockets(
  environment: Readonly<Record<string, string | undefined>>,
  pid: number,
): ReadonlyMap<string, number> {
  const count = Number(environment['LISTEN_FDS'] ?? 0);
  const sockets = new Map<string, number>();
  if (Number(environment['LISTEN_PID']) !== pid || !Number.isInteger(count)) return sockets;
  const names = environment['LISTEN_FDNAMES']?.split(':') ?? [];
  for (let index = 0; index < count; index += 1) sockets.set(names[index] ?? `fd${index}`, 3 + index);
  return sockets;
}

/** True when others on the network could reach it. A Unix socket and a socket from systemd are guarded by whoever made them. */
export function isReachableByOthers(address: ListenAddress): boolean {
  return address.kind === 'tcp' && address.host !== 'localhost' && !isLoopbackAddress(address.host);
}

/** First keys are never made on an address that others can reach: without one the daemon does not start there. */
export function requireKeysForPublicAddress(address: ListenAddress, key: string, hasKeys: boolean): void {
  if (hasKeys || !isReachableByOthers(address)) return;
  throw new AppError('CONFIG_INVALID', `${key} can be reached by others, and there is no API key yet`, {
    hint: `Make one first (mem-agent keys create --name me --scopes agent,memory:read,memory:write), or set ${key} to a loopback address`,
  });
}
