// One listener over all sockets that systemd passed under a name, for example a loopback port for clients of this machine
// and a Unix socket for nginx. Guarantees: nothing is served on an address others can reach while no key exists.
import type { Hono } from 'hono';
import type { HttpEnv } from './env.ts';
import { requireKeysForPublicAddress } from './listen-address.ts';
import { openListener, type Listener, type ListenerOptions } from './listeners.ts';

export async function openPassedListeners(
  app: Hono<HttpEnv>,
  fds: readonly number[],
  options: Omit<ListenerOptions, 'address'> & { hasKeys: boolean },
): Promise<Listener> {
  await using stack = new AsyncDisposableStack();
  const listeners: Listener[] = [];
  for (const fd of fds) {
    const listener = stack.use(await openListener(app, { ...options, address: { kind: 'fd', fd } }));
    // Where a passed socket listens is known only now.
    for (const address of listener.addresses) requireKeysForPublicAddress(address, options.key, options.hasKeys);
    listeners.push(listener);
  }
  stack.move();
  return joinListeners(listeners);
}

/** What is shown to people is the first one that they can connect to by address. */
function joinListeners(listeners: readonly Listener[]): Listener {
  const shown = listeners.find(({ port }) => port !== undefined) ?? listeners[0];
  const drain = async (deadlineMs: number): Promise<void> => {
    await Promise.all(listeners.map((listener) => listener.drain(deadlineMs)));
  };
  return {
    url: shown?.url ?? '',
    port: shown?.port,
    addresses: listeners.flatMap(({ addresses }) => addresses),
    traffic() {
      const sum = { connections: 0, receivedBytes: 0, sentBytes: 0 };
      for (const { connections, receivedBytes, sentBytes } of listeners.map((listener) => listener.traffic())) {
        sum.connections += connections;
        sum.receivedBytes += receivedBytes;
        sum.sentBytes += sentBytes;
      }
      return sum;
    },
    drain,
    [Symbol.asyncDispose]: () => drain(0),
  };
}
