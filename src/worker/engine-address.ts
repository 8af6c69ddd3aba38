// Where the engine is told to listen, and where it is asked: chosen once, kept over restarts, checked before each start.
// Guarantees: only this machine can reach it, and nobody else is listening there when the engine is started.
import { isLoopbackHost, parseListenAddress, socketPathProblem } from '../config/listen-address.ts';
import { AppError } from '../lib/app-error.ts';
import { removeStaleSocket } from '../lib/unix-socket.ts';
import { findFreePort, isPortFree } from './free-port.ts';
import type { EngineAddress } from './launch-plan.ts';
import type { WorkerEndpoint } from './worker-endpoint.ts';
import type { WorkerOptions } from './worker-options.ts';

const LOOPBACK = '127.0.0.1';

/** `previous` is kept when the choice is ours and it is still free. Throws CONFIG_INVALID or WORKER_FAILED. */
export async function chooseEngineAddress(
  options: WorkerOptions,
  previous: EngineAddress | null,
  random: () => number,
): Promise<EngineAddress> {
  const wanted = wantedAddress(options);
  if (wanted.kind === 'unix') {
    await removeStaleSocket(wanted.path, 'worker.listen');
    return wanted;
  }
  if (wanted.port !== 0) {
    if (await isPortFree(wanted.host, wanted.port)) return wanted;
    throw new AppError('WORKER_FAILED', `Another process listens on ${wanted.host}:${wanted.port}`, {
      hint: 'End it, or set worker.listen to another port, or leave it empty',
    });
  }
  if (previous?.kind === 'tcp' && (await isPortFree(wanted.host, previous.port))) return previous;
  return { ...wanted, port: await findFreePort(wanted.host, random) };
}

export function endpointOf(address: EngineAddress): WorkerEndpoint {
  if (address.kind === 'unix') return { baseUrl: `unix:${address.path}` };
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return { baseUrl: `http://${host}:${address.port}/v1` };
}

function wantedAddress(options: WorkerOptions): EngineAddress {
  const { listen, profile } = options;
  if (listen !== '') {
    const address = parseListenAddress(listen);
    if (address.kind === 'tcp' && !isLoopbackHost(address.host)) {
      throw new AppError(
        'CONFIG_INVALID',
        `A worker must not listen on ${address.host}: its engine has unguarded routes`,
        {
          hint: 'Set worker.listen to 127.0.0.1:PORT or unix:PATH, or leave it empty',
        },
      );
    }
    if (address.kind === 'unix' && !address.path.startsWith('/'))
      throw new AppError('CONFIG_INVALID', `The socket ${address.path} of the worker has no full path`, {
        hint: 'Write worker.listen as unix:/path/name.sock',
      });
    return address;
  }
  const path = `${options.runtimeDirectory}/${options.name}-engine.sock`;
  const wantsSocket =
    profile === 'vllm' || (profile === 'command' && options.args.some((arg) => arg.includes('{socket}')));
  if (wantsSocket && socketPathProblem(path) === undefined) return { kind: 'unix', path };
  return { kind: 'tcp', host: LOOPBACK, port: 0 };
}
