// Runs the blocks of one run: in a sandbox process opened at the first one, or, where no Python may run, call by call.
// Guarantees: no memory call happens after the run has ended; a call's error that is no Python exception ends the run.
import { AppError, toAppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { pythonRepr } from '../lib/python-repr.ts';
import type { DirectCall } from '../model/chat-backend.ts';
import { GuestError } from '../sandbox/sandbox.ts';
import type { BlockOutcome, OnCall, Sandbox, SandboxRun } from '../sandbox/sandbox.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import { describeCall } from './progress.ts';
import type { Progress } from './progress.ts';
import type { ResultParts } from './render-result.ts';
import type { RunScope } from './run-scope.ts';

const PRINTED_CHARACTERS = 2000;

export interface BlockRunnerParts {
  sandbox: Sandbox;
  onCall: OnCall;
  scope: RunScope;
  progress: Progress;
  clock: Clock;
  tracer: Tracer;
  blockTimeoutMs: number;
}

export class BlockRunner implements AsyncDisposable {
  readonly #parts: BlockRunnerParts;
  #run: SandboxRun | null = null;

  constructor(parts: BlockRunnerParts) {
    this.#parts = parts;
  }

  execute(code: string, directCalls: readonly DirectCall[] | undefined): Promise<ResultParts> {
    return this.#parts.tracer.span({ name: 'sandbox.block' }, () => this.#execute(code, directCalls));
  }

  async #execute(code: string, directCalls: readonly DirectCall[] | undefined): Promise<ResultParts> {
    const run = await this.#openRun(directCalls !== undefined);
    if (run === null) return this.#callDirectly(directCalls ?? []);
    const { scope, blockTimeoutMs } = this.#parts;
    return toResult(await scope.race(run.execute(code, { timeoutMs: blockTimeoutMs, signal: scope.signal })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run?.[Symbol.asyncDispose]();
    this.#run = null;
  }

  /** null: no Python may run (yet) and the block can do without. */
  async #openRun(canDoWithout: boolean): Promise<SandboxRun | null> {
    if (this.#run !== null) return this.#run;
    const { sandbox, scope } = this.#parts;
    if (canDoWithout && sandbox.status().state !== 'ok') return null;
    const opening = sandbox.openRun({ onCall: this.#guardedCall, signal: scope.signal });
    try {
      this.#run = await scope.race(opening);
      return this.#run;
    } catch (error) {
      if (scope.signal.aborted) void closeWhenOpen(opening);
      else if (canDoWithout && error instanceof AppError && error.code === 'SANDBOX_UNAVAILABLE') return null;
      throw error;
    }
  }

  readonly #guardedCall: OnCall = async (name, args, kwargs) => {
    const { scope, progress, onCall } = this.#parts;
    scope.throwIfEnded();
    progress.say(describeCall(name, args, kwargs));
    try {
      return await onCall(name, args, kwargs);
    } catch (error) {
      // What is no Python exception (an audit that can't be written, a fault of ours) no block may catch.
      if (!(error instanceof GuestError)) scope.fail(toAppError(error));
      throw error;
    }
  };

  async #callDirectly(calls: readonly DirectCall[]): Promise<ResultParts> {
    const { scope, clock, blockTimeoutMs } = this.#parts;
    const endsAtMs = clock.monotonicMs() + blockTimeoutMs;
    const variables: Record<string, unknown> = {};
    for (const call of calls) {
      if (clock.monotonicMs() > endsAtMs) {
        return {
          variablesRepr: pythonRepr(variables),
          error: `TimeoutError: the block took over ${blockTimeoutMs} ms`,
        };
      }
      try {
        variables[call.variable] = await scope.race(this.#guardedCall(call.name, call.args, {}));
      } catch (error) {
        if (scope.signal.aborted || !(error instanceof GuestError)) throw error;
        return { variablesRepr: pythonRepr(variables), error: `${error.pythonType}: ${error.message}` };
      }
    }
    return { variablesRepr: pythonRepr(variables), error: null };
  }
}

function toResult(outcome: BlockOutcome): ResultParts {
  if (outcome.kind === 'killed') return { variablesRepr: null, error: outcome.message };
  const { variablesRepr, error, printed } = outcome;
  if (error !== null || printed === '' || variablesRepr !== '{}') return { variablesRepr, error };
  // Only a block that has nothing else to show needs to know; a stray print beside variables is no error.
  const shown = pythonRepr(printed.slice(0, PRINTED_CHARACTERS));
  return {
    variablesRepr,
    error: `Nothing was assigned. Printed text is not kept, assign values instead. It was: ${shown}`,
  };
}

/** A process that gets ready after the run has ended is of no use to anyone; one that never does needs no closing. */
async function closeWhenOpen(opening: Promise<SandboxRun>): Promise<void> {
  const [outcome] = await Promise.allSettled([opening]);
  if (outcome.status === 'fulfilled') await Promise.allSettled([outcome.value[Symbol.asyncDispose]()]);
}
