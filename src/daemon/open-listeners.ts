// Opens the listeners the configuration asks for: clients, operators, and the admin socket of this user.
// Guarantees: nothing listens where others can reach it while no key exists.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import type { HttpApps } from '../http/http-apps.ts';
import { requireKeysForPublicAddress, systemdSockets } from '../http/listen-address.ts';
import { openListener, type Listener } from '../http/listeners.ts';

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
  const passed = systemdSockets(process.env, process.pid);
  const passedHttp = passed.get('http') ?? passed.get('mem-agent.socket');
  const httpAddress = passedHttp === undefined ? config.http.listen : { kind: 'fd' as const, fd: passedHttp };
  if (passedHttp === undefined && config.mcp.transport !== 'stdio') {
    requireKeysForPublicAddress(httpAddress, 'http.listen', hasKeys);
  }
  requireKeysForPublicAddress(config.ops.listen, 'ops.listen', hasKeys);
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
  const ops = stack.use(await openListener(apps.ops, { ...limits, address: config.ops.listen, key: 'ops.listen' }));
  const http =
    config.mcp.transport === 'stdio'
      ? undefined
      : stack.use(await openListener(apps.http, { ...limits, address: httpAddress, key: 'http.listen' }));
  return { http, ops, admin };
}
