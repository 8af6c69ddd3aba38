// What may still be spent on cloud models: the month's usage, plus what is set aside for calls under way, stays within
// the budget. Guarantees: exact under concurrency, a cost is held until its usage row is durable, and a cost that comes
// after that row is never forgotten within its month.

import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { toMicroUsd, toUsd } from '../lib/micro-usd.ts';
import type { CloudRights } from './principal.ts';

export interface CloudSpendingOptions {
  /** `createMonthCost` of `usage/` satisfies it. */
  spentMicroUsd(account: string, month: string): number;
  clock: Clock;
}

export interface CloudHold {
  /** What it did cost; the rest is free again. Only the first call counts. */
  settle(costUsd: number): void;
}

export interface CloudSpending {
  /** Throws BUDGET_EXCEEDED. */
  reserve(callId: string, rights: CloudRights, maxCostUsd: number): CloudHold;
  /** What the call has cost so far, in dollars. */
  settledUsd(callId: string): number;
  /** The call's usage row is durable with this cost in it; what it leaves out is held until the month ends. */
  release(callId: string, recordedUsd: number): void;
}

interface Call {
  account: string;
  /** Settled, and not yet in usage. */
  settledMicroUsd: number;
  openHolds: number;
  /** Its usage row is written; what is settled later is in no row. */
  isReleased: boolean;
}

interface Account {
  heldMicroUsd: number;
  /** Cost that no usage row holds, and the month it belongs to. */
  unrecordedMicroUsd: number;
  month: string;
}

export function createCloudSpending({ spentMicroUsd, clock }: CloudSpendingOptions): CloudSpending {
  const accounts = new Map<string, Account>();
  const calls = new Map<string, Call>();

  const currentMonth = (): string => new Date(clock.nowMs()).toISOString().slice(0, 7);

  function accountOf(id: string): Account {
    const month = currentMonth();
    let account = accounts.get(id);
    if (account === undefined) accounts.set(id, (account = { heldMicroUsd: 0, unrecordedMicroUsd: 0, month }));
    if (account.month !== month) Object.assign(account, { unrecordedMicroUsd: 0, month });
    return account;
  }

  function callOf(callId: string, account: string): Call {
    let call = calls.get(callId);
    if (call === undefined) {
      call = { account, settledMicroUsd: 0, openHolds: 0, isReleased: false };
      calls.set(callId, call);
    }
    return call;
  }

  function reserve(callId: string, rights: CloudRights, maxCostUsd: number): CloudHold {
    const account = accountOf(rights.account);
    const budgetMicroUsd = toMicroUsd(rights.budgetUsdPerMonth);
    const wantedMicroUsd = toMicroUsd(maxCostUsd);
    const takenMicroUsd =
      spentMicroUsd(rights.account, account.month) + account.heldMicroUsd + account.unrecordedMicroUsd;
    // A budget of nothing allows nothing, not even what is free.
    if (budgetMicroUsd === 0 || !Number.isFinite(maxCostUsd) || takenMicroUsd + wantedMicroUsd > budgetMicroUsd) {
      throw budgetExceeded(rights.budgetUsdPerMonth, toUsd(takenMicroUsd), maxCostUsd);
    }
    const call = callOf(callId, rights.account);
    account.heldMicroUsd += wantedMicroUsd;
    call.openHolds += 1;
    let isSettled = false;
    return {
      settle(costUsd) {
        if (isSettled) return;
        isSettled = true;
        settle(callId, call, wantedMicroUsd, toMicroUsd(costUsd));
      },
    };
  }

  function settle(callId: string, call: Call, heldMicroUsd: number, costMicroUsd: number): void {
    const account = accountOf(call.account);
    call.openHolds -= 1;
    account.heldMicroUsd -= heldMicroUsd;
    if (call.isReleased) {
      account.unrecordedMicroUsd += costMicroUsd;
      if (call.openHolds === 0) calls.delete(callId);
    } else {
      account.heldMicroUsd += costMicroUsd;
      call.settledMicroUsd += costMicroUsd;
    }
  }

  return {
    reserve,
    settledUsd: (callId) => toUsd(calls.get(callId)?.settledMicroUsd ?? 0),
    release(callId, recordedUsd) {
      const call = calls.get(callId);
      if (call === undefined || call.isReleased) return;
      const account = accountOf(call.account);
      account.heldMicroUsd -= call.settledMicroUsd;
      account.unrecordedMicroUsd += Math.max(0, call.settledMicroUsd - toMicroUsd(recordedUsd));
      call.isReleased = true;
      if (call.openHolds === 0) calls.delete(callId);
    },
  };
}

function budgetExceeded(budgetUsd: number, takenUsd: number, wantedUsd: number): AppError {
  const dollars = (usd: number): string => `$${Number(usd.toFixed(4))}`;
  return new AppError(
    'BUDGET_EXCEEDED',
    budgetUsd === 0
      ? 'This key has no budget for cloud models'
      : `This month's cloud budget of ${dollars(budgetUsd)} does not cover it: ${dollars(takenUsd)} are spent or set aside, and one more question may cost ${dollars(wantedUsd)}`,
    { hint: 'Raise it with "mem-agent keys set ID --cloud-budget-usd N", or wait for the next month' },
  );
}
