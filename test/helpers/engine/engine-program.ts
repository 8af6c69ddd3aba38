// The course of every stand-in that serves HTTP: bounded life, load, listen, say so.
import type { Server } from 'node:http';
import { announce, listen } from './engine-http.ts';
import type { Handler, ListenTarget } from './engine-http.ts';
import { startFlood } from './engine-log.ts';
import { load } from './engine-start.ts';
import type { LoadReport } from './engine-start.ts';
import type { EngineState } from './engine-state.ts';
import { limitLifetime, onTermination } from './lifetime.ts';

export interface EngineProgram {
  state: EngineState;
  target: ListenTarget;
  handle: Handler;
  report: LoadReport;
  /** What SIGTERM does; null: the system's own way. The server is there once it listens. */
  terminate: ((server: Server | null) => void) | null;
  /** Answers while it loads, as far as `handle` lets it. */
  listensWhileLoading?: boolean;
  onListening?(port: number | null): void;
}

export async function runEngine(program: EngineProgram): Promise<void> {
  const { state, target, terminate } = program;
  let server: Server | null = null;
  limitLifetime();
  startFlood(() => state.faults);
  onTermination(() => state.faults.ignoreSigterm === true, terminate === null ? null : () => terminate(server));
  const open = async (): Promise<void> => {
    const listening = await listen(state, target, program.handle);
    server = listening.server;
    program.onListening?.(listening.port);
    announce(listening, target.socketPath);
  };
  if (program.listensWhileLoading === true) await open();
  await load(state.faults, program.report);
  state.isLoading = false;
  if (program.listensWhileLoading !== true) await open();
}
