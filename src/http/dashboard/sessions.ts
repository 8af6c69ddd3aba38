// Who is signed in to the operator's page. Guarantees: only digests are kept, a session needs its cookie and its token, it
// ends after a while without use and after a day's work at the latest, and at once with the key it was opened with.
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Principal } from '../../auth/principal.ts';
import type { Clock } from '../../lib/clock.ts';

export interface SessionsOptions {
  clock: Clock;
  /** The caller of this id as it is now; undefined once its key is revoked or has expired. */
  principalOf(id: string): Principal | undefined;
}

export interface NewSession {
  /** For the cookie, which scripts can't read. */
  id: string;
  /** For the header, which no other page can send. */
  token: string;
}

export interface LiveSession {
  principal: Principal;
  /** False while only the cookie is proven. */
  hasToken(token: string | undefined): boolean;
}

export interface Sessions {
  open(principal: Principal): NewSession;
  /** `isUse`: the hand of a person did it; what a page asks for by itself does not keep a session alive. */
  find(id: string, isUse: boolean): LiveSession | undefined;
  close(id: string): void;
}

export const SESSION_IDLE_MS = 30 * 60_000;
export const SESSION_LONGEST_MS = 12 * 3_600_000;
/** More at once than any team has operators; the one longest unused goes. */
const MAX_SESSIONS = 100;

interface Session {
  principalId: string;
  tokenDigest: Buffer;
  openedMs: number;
  usedMs: number;
}

export function createSessions({ clock, principalOf }: SessionsOptions): Sessions {
  /** In the order of last use. */
  const byDigest = new Map<string, Session>();

  function isOver({ openedMs, usedMs }: Session): boolean {
    const nowMs = clock.monotonicMs();
    return nowMs - usedMs > SESSION_IDLE_MS || nowMs - openedMs > SESSION_LONGEST_MS;
  }

  function dropOld(): void {
    for (const [name, session] of byDigest) if (isOver(session)) byDigest.delete(name);
    const [oldest] = byDigest.keys();
    if (byDigest.size >= MAX_SESSIONS && oldest !== undefined) byDigest.delete(oldest);
  }

  return {
    open(principal) {
      dropOld();
      const [id, token] = [randomToken(), randomToken()];
      const nowMs = clock.monotonicMs();
      byDigest.set(digestOf(id).toString('hex'), {
        principalId: principal.id,
        tokenDigest: digestOf(token),
        openedMs: nowMs,
        usedMs: nowMs,
      });
      return { id, token };
    },
    find(id, isUse) {
      const name = digestOf(id).toString('hex');
      const session = byDigest.get(name);
      if (session === undefined) return undefined;
      const principal = isOver(session) ? undefined : principalOf(session.principalId);
      if (principal === undefined) {
        byDigest.delete(name);
        return undefined;
      }
      if (isUse) {
        session.usedMs = clock.monotonicMs();
        byDigest.delete(name);
        byDigest.set(name, session);
      }
      return {
        principal,
        hasToken: (token) => token !== undefined && timingSafeEqual(digestOf(token), session.tokenDigest),
      };
    },
    close: (id) => void byDigest.delete(digestOf(id).toString('hex')),
  };
}

/** 256 bits that go into a cookie, a header or a link as they are. */
export function randomToken(): string {
  return randomBytes(32).toString('base64url');
}

export function digestOf(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
