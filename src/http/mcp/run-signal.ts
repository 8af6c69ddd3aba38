// What ends a long call before its time: its client goes or cancels, or its key is taken away. Decided: a run reads and writes
// with the rights it began with, so it ends when its key is revoked, expires or gets other rights; a token that runs out meanwhile
// does not end it, because the question came in its time, nobody has taken anything back, and the agent's deadline bounds it.
import type { ServerContext } from '@modelcontextprotocol/server';
import type { CallerWatch } from '../../auth/caller-watch.ts';
import { AppError } from '../../lib/app-error.ts';
import type { Caller } from './caller.ts';
import type { Cancellations } from './cancellations.ts';

export interface RunSignalPorts {
  cancellations: Cancellations;
  callers: CallerWatch;
}

export interface RunSignal extends Disposable {
  readonly signal: AbortSignal;
}

export function openRunSignal(
  caller: Caller,
  { mcpReq }: ServerContext,
  { cancellations, callers }: RunSignalPorts,
): RunSignal {
  const { principal } = caller;
  const tracked = cancellations.track(caller, mcpReq.id);
  const keyEnded = new AbortController();
  const mayGoOn = (): boolean => principal.kind === 'jwt' || callers.standingOf(principal) === 'same';
  const stopFollowing = callers.follow(mayGoOn, () =>
    keyEnded.abort(
      new AppError('CANCELLED', 'The key of this question was revoked, has expired or may do something else now', {
        hint: 'Ask again, with a key that is good',
      }),
    ),
  );
  return {
    signal: AbortSignal.any([mcpReq.signal, tracked.signal, keyEnded.signal]),
    [Symbol.dispose]() {
      stopFollowing();
      tracked.done();
    },
  };
}
