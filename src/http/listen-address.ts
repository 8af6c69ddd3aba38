// What a listener can listen on besides the configured address: the socket that systemd passed under its name; and who
// can reach it.
import { isLoopback, type ListenAddress as ConfiguredAddress } from '../config/listen-address.ts';
import { AppError } from '../lib/app-error.ts';

export type ListenAddress = ConfiguredAddress | { kind: 'fd'; fd: number };

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
  return address.kind === 'tcp' && !isLoopback(address);
}

/** First keys are never made on an address that others can reach: without one the daemon does not start there. */
export function requireKeysForPublicAddress(address: ListenAddress, key: string, hasKeys: boolean): void {
  if (hasKeys || !isReachableByOthers(address)) return;
  throw new AppError('CONFIG_INVALID', `${key} can be reached by others, and there is no API key yet`, {
    hint: `Make one first (mem-agent keys create --name me --scopes agent,memory:read,memory:write), or set ${key} to a loopback address`,
  });
}
