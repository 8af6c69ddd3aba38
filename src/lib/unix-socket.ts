// Makes room for a Unix socket: a stale file is removed only if it is a socket and nobody answers on it.
import { lstatSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { AppError, systemErrorCode } from './app-error.ts';

const ANSWER_TIMEOUT_MS = 1_000;

export async function removeStaleSocket(path: string, key: string): Promise<void> {
  let isSocket: boolean;
  try {
    isSocket = lstatSync(path).isSocket();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw new AppError('CONFIG_INVALID', `${key}: ${path} can't be looked at`, {
      hint: 'Check the permissions of its directory',
      cause: error,
    });
  }
  if (!isSocket)
    throw new AppError('CONFIG_INVALID', `${key}: ${path} exists and is not a socket`, {
      hint: `Move it away, or set ${key} to another path`,
    });
  if (await answers(path)) {
    throw new AppError('CONFIG_INVALID', `${key}: another process is listening on ${path}`, {
      hint: `Stop it (is mem-agent running already?), or set ${key} to another path`,
    });
  }
  unlinkSync(path);
}

/** Anything but a refused connection counts as an answer: better to stop than to steal a socket. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const finish = (isAnswered: boolean): void => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(true));
    socket.once('connect', () => finish(true));
    socket.once('error', (error) =>
      finish(systemErrorCode(error) !== 'ECONNREFUSED' && systemErrorCode(error) !== 'ENOENT'),
    );
  });
}
