// A stateless 2025 client cancels with a second request, which meets another server object. This table brings the two
// together: same key, same peer, same request id, and exactly one run that fits, so that nobody stops a stranger's run.
import type { JsonRpcId } from '../errors.ts';
import type { Caller } from './caller.ts';

export interface Cancellations {
  /** The signal of one run; call `done` when it ends. */
  track(caller: Caller, id: JsonRpcId): { signal: AbortSignal; done(): void };
  /** True when exactly one run was found and told. */
  cancel(caller: Caller, id: JsonRpcId): boolean;
}

export function createCancellations(): Cancellations {
  const running = new Map<string, Set<AbortController>>();
  const nameOf = (caller: Caller, id: JsonRpcId): string =>
    JSON.stringify([caller.principal.id, caller.transport, caller.peer, id]);
  return {
    track(caller, id) {
      const name = nameOf(caller, id);
      const controller = new AbortController();
      const runs = running.get(name) ?? new Set();
      runs.add(controller);
      running.set(name, runs);
      return {
        signal: controller.signal,
        done: () => {
          runs.delete(controller);
          if (runs.size === 0 && running.get(name) === runs) running.delete(name);
        },
      };
    },
    cancel(caller, id) {
      const runs = running.get(nameOf(caller, id));
      const [only] = runs ?? [];
      if (only === undefined || runs?.size !== 1) return false;
      only.abort();
      return true;
    },
  };
}
