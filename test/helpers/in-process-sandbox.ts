// A Sandbox without Python for unit tests of the loop: a test gives the function that plays the block.
import { AppError } from '../../src/lib/app-error.ts';
import { pythonRepr } from '../../src/lib/python-repr.ts';
import type { BlockOutcome, OnCall, Sandbox, SandboxStatus } from '../../src/sandbox/sandbox.ts';

export type PlayBlock = (code: string, onCall: OnCall, signal: AbortSignal) => Promise<BlockOutcome>;

export interface InProcessSandbox extends Sandbox {
  readonly blocks: readonly string[];
  readonly opened: number;
  readonly closed: number;
  setState(state: SandboxStatus['state']): void;
}

export function createInProcessSandbox(play: PlayBlock): InProcessSandbox {
  const blocks: string[] = [];
  const counts = { opened: 0, closed: 0 };
  let state: SandboxStatus['state'] = 'ok';
  return {
    blocks,
    get opened() {
      return counts.opened;
    },
    get closed() {
      return counts.closed;
    },
    setState(next) {
      state = next;
    },
    start() {},
    async openRun({ onCall, signal }) {
      if (state !== 'ok') throw new AppError('SANDBOX_UNAVAILABLE', 'no Python may run here');
      counts.opened += 1;
      return {
        async execute(code) {
          blocks.push(code);
          return await play(code, onCall, signal);
        },
        async [Symbol.asyncDispose]() {
          counts.closed += 1;
        },
      };
    },
    status: () => ({
      state,
      reason: 'in process',
      engine: 'none',
      engineName: 'none',
      engineReason: '',
      walls: { interpreter: 'unknown', process: 'unknown', kernel: 'unknown' },
      kernelWall: 'none',
      systemCalls: 'unknown',
      standby: 0,
      active: counts.opened - counts.closed,
    }),
    async [Symbol.asyncDispose]() {},
  };
}

export function done(variables: Record<string, unknown>, error: string | null = null, printed = ''): BlockOutcome {
  const errorType = error === null ? null : 'Exception';
  return { kind: 'done', variablesRepr: pythonRepr(variables), variablesJson: variables, error, errorType, printed };
}
