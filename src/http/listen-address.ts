// What a listener can listen on besides the configured address: the sockets that systemd passed under a name; and who
// can reach it.
import { isLoopback, type ListenAddress as ConfiguredAddress } from '../config/listen-address.ts';
import { AppError } from '../lib/app-error.ts';

export type ListenAddress = ConfiguredAddress | { kind: 'fd'; fd: number };

const FIRST_PASSED_FD = 3;
const PASSED_VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'] as const;

/**
 * Sockets passed by systemd, by name (`FileDescriptorName=`, one name may have several), and only if they are meant for
 * this process. The variables are taken out of the environment: no child may believe that they are for it.
 */
export function takeSystemdSockets(
  environment: Record<string, string | undefined>,
  pid: number,
): ReadonlyMap<string, readonly number[]> {
  const [fds, forPid, fdNames] = PASSED_VARIABLES.map((name) => environment[name]);
  for (const name of PASSED_VARIABLES) delete environment[name];
  const sockets = new Map<string, number[]>();
  const count = Number(fds ?? 0);
  if (Number(forPid) !== pid || !Number.isInteger(count)) return sockets;
  const names = fdNames?.split(':') ?? [];
  for (let index = 0; index < count; index += 1) {
    const name = names[index] ?? `fd${index}`;
    sockets.set(name, [...(sockets.get(name) ?? []), FIRST_PASSED_FD + index]);
  }
  return sockets;
}

/** True when others on the network could reach it. Where a socket from systemd listens is known once it is open. */
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
