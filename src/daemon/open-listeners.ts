// Opens the listeners the configuration asks for: clients, operators, and the admin socket of this user.
// Guarantees: nothing listens where others can reach it while no key exists.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import type { HttpApps } from '../http/http-apps.ts';
import { requireKeysForPublicAddress, takeSystemdSockets } from '../http/listen-address.ts';
import { openListener, type Listener } from '../http/listeners.ts';
import { openPassedListeners } from '../http/passed-listeners.ts';

export interface Listeners {
  /** Undefined with `mcp.transport = "stdio"`. */
  http: Listener | undefined;
  ops: Listener;
  admin: Listener;
}

export async function openListeners(
  apps: HttpApps,
  config: Config,
  hasKeys: boolean,
  stack: AsyncDisposableStack,
): Promise<Listeners> {
  const limits = {
    maxConnections: config.http.maxConnections,
    maxConnectionsPerAddress: config.http.maxConnectionsPerAddress,
    trustedProxies: config.http.trustedProxies,
    headersTimeoutMs: config.http.headersTimeoutMs,
    requestTimeoutMs: config.http.requestTimeoutMs,
  };
  const passed = takeSystemdSockets(process.env, process.pid);
  const open = async (app: HttpApps['http'], name: 'http' | 'ops', unitName: string): Promise<Listener> => {
    const key = `${name}.listen`;
    const fds = passed.get(name) ?? passed.get(unitName);
    if (fds !== undefined) return stack.use(await openPassedListeners(app, fds, { ...limits, key, hasKeys }));
    const address = config[name].listen;
    requireKeysForPublicAddress(address, key, hasKeys);
    return stack.use(await openListener(app, { ...limits, address, key }));
  };
  mkdirSync(dirname(config.admin.socket), { recursive: true, mode: 0o700 });

  const admin = stack.use(
    await openListener(apps.adminSocket, {
      address: { kind: 'unix', path: config.admin.socket },
      key: 'admin.socket',
      maxConnectionsPerAddress: limits.maxConnections,
      headersTimeoutMs: limits.headersTimeoutMs,
      requestTimeoutMs: limits.requestTimeoutMs,
    }),
  );
  const ops = await open(apps.ops, 'ops', 'mem-agent-ops.socket');
  const http = config.mcp.transport === 'stdio' ? undefined : await open(apps.http, 'http', 'mem-agent.socket');
  return { http, ops, admin };
}
