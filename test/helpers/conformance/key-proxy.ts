// The conformance suite and load tools can't send a key: this loopback proxy adds it, and names the daemon as the Host the
// way a client that spoke to it directly would. A foreign Host or Origin is passed on, so that its refusal can be tested.
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KeyProxy extends AsyncDisposable {
  readonly port: number;
}

export async function startKeyProxy(targetPort: number, key: string): Promise<KeyProxy> {
  const server = createServer((incoming, outgoing) => {
    const ownPort = String((server.address() as AddressInfo).port);
    const retarget = (value: string | undefined): string | undefined =>
      value?.replace(new RegExp(`:${ownPort}$`), `:${targetPort}`);
    const headers: Record<string, string | string[] | undefined> = {
      ...incoming.headers,
      authorization: `Bearer ${key}`,
    };
    headers['host'] = retarget(incoming.headers.host);
    if (incoming.headers.origin !== undefined) headers['origin'] = retarget(incoming.headers.origin);
    const forward = request(
      { host: '127.0.0.1', port: targetPort, path: incoming.url, method: incoming.method, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      },
    );
    outgoing.on('close', () => forward.destroy());
    forward.on('error', () => outgoing.destroy());
    incoming.pipe(forward);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
