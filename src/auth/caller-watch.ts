// Whether callers that were let in are still what they were then. What stays open for one (a stream, a question in flight) is
// followed here: looked at once a second, and at once when the keys change. Guarantee: a caller that can't be judged is over.
import type { Clock } from '../lib/clock.ts';
import type { Principal } from './principal.ts';

/** `changed`: still a caller, with other rights. `ended`: revoked, expired, or given nothing. */
export type Standing = 'same' | 'changed' | 'ended';

export interface CallerWatchOptions {
  clock: Pick<Clock, 'nowMs'>;
  /** Who this id stands for now: `local`, or a key that is active. */
  principalOf(id: string): Principal | undefined;
  /** Default: a second. */
  lookEveryMs?: number;
}

export interface CallerWatch {
  /** Asked now, of the principal as it was let in. */
  standingOf(principal: Principal): Standing;
  /** Calls `onEnd` once, at the first look that finds `isSo` false; what it returns ends the watch. */
  follow(isSo: () => boolean, onEnd: () => void): () => void;
  /** Looks at all that is followed, now. */
  look(): void;
}

interface Followed {
  isSo: () => boolean;
  onEnd: () => void;
}

export function createCallerWatch({ clock, principalOf, lookEveryMs = 1000 }: CallerWatchOptions): CallerWatch {
  const followed = new Set<Followed>();
  let timer: NodeJS.Timeout | undefined;

  function drop(entry: Followed): void {
    followed.delete(entry);
    if (followed.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  }

  function look(): void {
    for (const entry of followed) {
      // A look at the keys that finds a change is itself followed by a look: this one may be told by then.
      if (entry.isSo() || !followed.has(entry)) continue;
      drop(entry);
      entry.onEnd();
    }
  }

  function asItIsNow(id: string): Principal | undefined {
    try {
      return principalOf(id);
    } catch {
      // The keys can't be read: nobody is let in now, so nobody is let go on either.
      return undefined;
    }
  }

  return {
    standingOf(principal) {
      if (principal.kind === 'local') return 'same';
      // Nobody can change or revoke a token: only its time ends it.
      if (principal.kind === 'jwt') return clock.nowMs() < (principal.expiresAtMs ?? 0) ? 'same' : 'ended';
      const now = asItIsNow(principal.id);
      if (now === undefined) return 'ended';
      // As long as nobody changed a key, it is the very object that was let in: each piece of a stream asks.
      return now === principal || rightsOf(now) === rightsOf(principal) ? 'same' : 'changed';
    },
    follow(isSo, onEnd) {
      const entry = { isSo, onEnd };
      followed.add(entry);
      timer ??= setInterval(look, lookEveryMs).unref();
      return () => drop(entry);
    },
    look,
  };
}

/** What a caller may do and where from; its name, owner, labels and limits are not among it. */
function rightsOf({ scopes, root, policy = {}, cloud }: Principal): string {
  const { readPaths, writePaths, tools, cidrs } = policy;
  const leaves = [cloud?.consent ?? false, cloud?.budgetUsdPerMonth ?? 0];
  return JSON.stringify([[...scopes].toSorted(), root, readPaths, writePaths, tools, cidrs, leaves]);
}
