// DNS rebinding ends here: the Host header must be, port included, a loopback name of this listener, the address the
// connection came in on, or an entry of `http.allowed_hosts`. Anything else is 403.
import type { MiddlewareHandler } from 'hono';
import type { Socket } from 'node:net';
import { AppError } from '../../lib/app-error.ts';
import { headerOf, type HttpEnv } from '../env.ts';
import { jsonRpcErrorResponse, problemResponse } from '../errors.ts';

/** `localhost:8081`, `127.0.0.1:8081`, `[::1]:8081`, and the local address itself, which no foreign name can imitate. */
export function ownHosts(socket: Pick<Socket, 'localAddress' | 'localPort'> | undefined): string[] {
  const port = socket?.localPort;
  if (port === undefined) return ['localhost', '127.0.0.1', '[::1]'];
  const suffix = port === 80 ? '' : `:${port}`;
  const address = (socket?.localAddress ?? '127.0.0.1').replace(/^::ffff:(?=\d+\.)/, '');
  const literal = address.includes(':') ? `[${address}]` : address;
  return ['localhost', '127.0.0.1', '[::1]', literal].map((name) => `${name}${suffix}`);
}

export function isHostAllowed(host: string | undefined, own: readonly string[], allowed: ReadonlySet<string>): boolean {
  if (host === undefined) return false;
  const wanted = host.toLowerCase();
  return allowed.has(wanted) || own.includes(wanted);
}

export function hostGuard(allowedHosts: readonly string[]): MiddlewareHandler<HttpEnv> {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  /** The names depend on the socket alone, which serves many requests. */
  const ownBySocket = new WeakMap<Socket, string[]>();
  return async (c, next) => {
    const socket = c.env.incoming?.socket;
    let own = socket === undefined ? undefined : ownBySocket.get(socket);
    if (own === undefined) {
      own = ownHosts(socket);
      if (socket !== undefined) ownBySocket.set(socket, own);
    }
    if (isHostAllowed(headerOf(c, 'host'), own, allowed)) return next();
    const error = new AppError('FORBIDDEN', 'This Host is not served here', {
      hint: 'Use the address of the listener, or add the host (with its port) to http.allowed_hosts',
    });
    return c.req.path === '/mcp' ? jsonRpcErrorResponse(error, null) : problemResponse(error, c.get('requestId'));
  };
}
