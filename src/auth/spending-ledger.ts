// What may still be spent of one thing (money, tokens): what is recorded of a day or a month, plus what is set aside for
// calls under way, stays within every budget. Guarantees: exact under concurrency; what a call spent is held until its
// record is durable; what comes after that record is never forgotten within its day and month.

import type { Clock } from '../lib/clock.ts';

export type BudgetWindow = 'day' | 'month';

/** One limit of a caller, in the unit of the ledger. A limit of 0 allows nothing, not even what is free. */
export interface Budget<Name extends string = string> {
  name: Name;
  window: BudgetWindow;
  limit: number;
}

export interface Shortage<Name extends string> {
  budget: Budget<Name>;
  /** Spent and set aside. */
  taken: number;
  wanted: number;
  /** Until the window ends, or a moment if only what others have set aside is in the way. */
  retryAfterS: number;
}

export interface SpendingHold {
  /** What it did take; the rest is free again. Only the first call counts. */
  settle(amount: number): void;
}

export interface SpendingLedger<Name extends string> {
  /** The budget that does not cover it, or the hold. Budgets are those of the account, the tightest wherever it stands. */
  reserve(
    callId: string,
    account: string,
    budgets: readonly Budget<Name>[],
    wanted: number,
  ): SpendingHold | Shortage<Name>;
  /** Why `reserve` would refuse now; nothing is set aside. */
  shortage(account: string, budgets: readonly Budget<Name>[], wanted: number): Shortage<Name> | null;
  /** What the call has spent so far. */
  settled(callId: string): number;
  /** The call's record is durable with this much in it; what it leaves out is held until day and month end. */
  release(callId: string, recorded: number): void;
}

export interface SpendingLedgerOptions {
  /** What is recorded of a period: `2026-11-24` or `2026-11`, UTC. */
  spent(account: string, period: string): number;
  clock: Clock;
}

interface Call {
  account: string;
  /** Settled, and not yet recorded. */
  settled: number;
  openHolds: number;
  /** Its record is written; what is settled later is in none. */
  isReleased: boolean;
}

interface Account {
  held: number;
  /** What no record holds, by period. */
  unrecorded: Map<string, number>;
}

/** When others have set aside what is missing, most of it comes back as soon as their turns end. */
const HELD_RETRY_S = 5;

export function createSpendingLedger<Name extends string>(options: SpendingLedgerOptions): SpendingLedger<Name> {
  const { spent, clock } = options;
  const accounts = new Map<string, Account>();
  const calls = new Map<string, Call>();

  function accountOf(id: string): Account {
    let account = accounts.get(id);
    if (account === undefined) accounts.set(id, (account = { held: 0, unrecorded: new Map() }));
    return account;
  }

  function shortage(id: string, budgets: readonly Budget<Name>[], wanted: number): Shortage<Name> | null {
    const account = accounts.get(id);
    for (const budget of budgets) {
      const period = periodOf(budget.window, clock.nowMs());
      const gone = spent(id, period) + (account?.unrecorded.get(period) ?? 0);
      const taken = gone + (account?.held ?? 0);
      if (budget.limit > 0 && Number.isFinite(wanted) && taken + wanted <= budget.limit) continue;
      const isGone = budget.limit === 0 || gone + wanted > budget.limit;
      const retryAfterS = isGone ? secondsLeft(budget.window, clock.nowMs()) : HELD_RETRY_S;
      return { budget, taken, wanted, retryAfterS };
    }
    return null;
  }

  function settle(callId: string, call: Call, held: number, amount: number): void {
    const account = accountOf(call.account);
    call.openHolds -= 1;
    account.held -= held;
    if (call.isReleased) {
      addUnrecorded(account, amount);
      forget(callId, call);
    } else {
      account.held += amount;
      call.settled += amount;
    }
  }

  function addUnrecorded(account: Account, amount: number): void {
    if (amount <= 0) return;
    const today = periodOf('day', clock.nowMs());
    for (const period of account.unrecorded.keys()) if (!today.startsWith(period)) account.unrecorded.delete(period);
    for (const window of ['day', 'month'] as const) {
      const period = periodOf(window, clock.nowMs());
      account.unrecorded.set(period, (account.unrecorded.get(period) ?? 0) + amount);
    }
  }

  /** Accounts come and go with callers; only those that hold something are kept. */
  function forget(callId: string, call: Call): void {
    if (call.openHolds > 0) return;
    calls.delete(callId);
    const account = accounts.get(call.account);
    if (account?.held === 0 && account.unrecorded.size === 0) accounts.delete(call.account);
  }

  return {
    shortage,
    reserve(callId, account, budgets, wanted) {
      const missing = shortage(account, budgets, wanted);
      if (missing !== null) return missing;
      let call = calls.get(callId);
      if (call === undefined) calls.set(callId, (call = { account, settled: 0, openHolds: 0, isReleased: false }));
      accountOf(account).held += wanted;
      call.openHolds += 1;
      const opened = call;
      let isSettled = false;
      return {
        settle(amount) {
          if (isSettled) return;
          isSettled = true;
          settle(callId, opened, wanted, amount);
        },
      };
    },
    settled: (callId) => calls.get(callId)?.settled ?? 0,
    release(callId, recorded) {
      const call = calls.get(callId);
      if (call === undefined || call.isReleased) return;
      const account = accountOf(call.account);
      account.held -= call.settled;
      addUnrecorded(account, call.settled - recorded);
      call.isReleased = true;
      forget(callId, call);
    },
  };
}

function periodOf(window: BudgetWindow, nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, window === 'day' ? 10 : 7);
}

function secondsLeft(window: BudgetWindow, nowMs: number): number {
  const now = new Date(nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const endMs = window === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1);
  return Math.max(1, Math.ceil((endMs - nowMs) / 1000));
}
