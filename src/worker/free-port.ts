// A loopback port that nobody listens on, from a range below the one systems hand out by themselves.
// Guarantee: it was free when asked; the engine's own bind is what decides, and a lost race is a start that failed.
import { createServer } from 'node:net';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

const FIRST_PORT = 18_400;
const PORT_COUNT = 400;

export async function isPortFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error) => {
    if (systemErrorCode(error) === 'EADDRINUSE') resolve(false);
    else reject(new AppError('WORKER_FAILED', `Nothing can listen on ${host}:${port}`, { cause: error }));
  });
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  return await promise;
}

/** Begins at a random place, so that two daemons seldom try the same one. Throws WORKER_FAILED when all are taken. */
export async function findFreePort(host: string, random: () => number): Promise<number> {
  const start = Math.floor(random() * PORT_COUNT);
  for (let step = 0; step < PORT_COUNT; step += 1) {
    const port = FIRST_PORT + ((start + step) % PORT_COUNT);
    if (await isPortFree(host, port)) return port;
  }
  throw new AppError('WORKER_FAILED', `All ports from ${FIRST_PORT} to ${FIRST_PORT + PORT_COUNT - 1} are taken`, {
    hint: 'Set worker.listen to a free one',
  });
}
