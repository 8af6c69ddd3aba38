// One-time links for `mem-agent dashboard`: whoever may open the admin socket may hand themselves a session in a browser.
// Guarantees: a link works once, for two minutes, and only its digest is kept.
import type { Clock } from '../../lib/clock.ts';
import { digestOf, randomToken } from './sessions.ts';

export interface SignInLinks {
  create(): { token: string; expiresAtMs: number };
  /** True for a link that was made here, has not been used and is not over. */
  take(token: string): boolean;
}

export const LINK_LIFETIME_MS = 2 * 60_000;
const MAX_LINKS = 20;

export function createSignInLinks(clock: Clock): SignInLinks {
  const endMsByDigest = new Map<string, number>();
  return {
    create() {
      const [oldest] = endMsByDigest.keys();
      if (endMsByDigest.size >= MAX_LINKS && oldest !== undefined) endMsByDigest.delete(oldest);
      const token = randomToken();
      endMsByDigest.set(digestOf(token).toString('hex'), clock.monotonicMs() + LINK_LIFETIME_MS);
      return { token, expiresAtMs: clock.nowMs() + LINK_LIFETIME_MS };
    },
    take(token) {
      const name = digestOf(token).toString('hex');
      const endMs = endMsByDigest.get(name);
      endMsByDigest.delete(name);
      return endMs !== undefined && clock.monotonicMs() < endMs;
    },
  };
}
