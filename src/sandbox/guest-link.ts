// What connects the core with one sandbox process, however it was started: lines in, lines out, an end.
// Guarantee: `ended` resolves once, when nothing of the connection is left; after `kill` that is soon.
import { connect } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type { SandboxChild } from './launcher.ts';
import { killTree } from './process-tree.ts';

export interface GuestLink {
  /** Of the process that we started; undefined when it could not be, or when the system's manager starts it. */
  readonly pid: number | undefined;
  readonly input: Writable;
  readonly output: Readable;
  /** What the interpreter itself complains of; null when that goes to the system's log. */
  readonly complaints: Readable | null;
  /** Says how it ended. */
  readonly ended: Promise<string>;
  /** SIGKILL for the process and everything below it. */
  kill(): void;
}

/** A process of our own. */
export function linkToChild(child: SandboxChild): GuestLink {
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => {
      if (child.pid === undefined) resolve(`The sandbox process could not be started: ${error.message}`);
    });
    child.on('close', (code, signal) => resolve(`The interpreter ended by itself (${signal ?? `exit ${code}`})`));
  });
  // EPIPE: the child died while we wrote; 'close' reports that.
  child.stdin.on('error', () => undefined);
  return {
    pid: child.pid,
    input: child.stdin,
    output: child.stdout,
    complaints: child.stderr,
    ended,
    kill() {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killTree(child.pid);
      child.stdin.destroy();
    },
  };
}

/** A process that the system's manager starts for this one connection, and that ends with it. */
export function linkToUnit(socketPath: string): GuestLink {
  const socket = connect({ path: socketPath });
  let failure = '';
  socket.on('error', (error) => {
    failure = error.message;
  });
  const ended = new Promise<string>((resolve) => {
    socket.on('close', () =>
      resolve(failure === '' ? 'The sandbox unit closed the connection' : `The sandbox unit: ${failure}`),
    );
  });
  return {
    pid: undefined,
    input: socket,
    output: socket,
    complaints: null,
    ended,
    kill: () => {
      socket.destroy();
    },
  };
}
