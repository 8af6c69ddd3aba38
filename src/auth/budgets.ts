// The budgets of a caller: tokens and money, by UTC day and by UTC month, and the month's money for cloud models. What would
// exceed one is refused before it happens; accounts are lines of rotations.

import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { toMicroUsd, toUsd } from '../lib/micro-usd.ts';
import { accountOf, type CloudRights, type Principal } from './principal.ts';
import { createSpendingLedger, type Budget, type Shortage, type SpendingHold } from './spending-ledger.ts';

export const BUDGETS = ['tokens_day', 'tokens_month', 'usd_day', 'usd_month', 'cloud_month'] as const;
export type BudgetName = (typeof BUDGETS)[number];

/** Of a period, as it is recorded. */
export interface Spent {
  tokens: number;
  microUsd: number;
}

export interface BudgetsOptions {
  /** `createSpentReader` of `usage/` satisfies it. */
  spent(account: string, period: string): Spent;
  clock: Clock;
  onRefused?(budget: BudgetName, principal: BudgetHolder): void;
}

export type BudgetHolder = Pick<Principal, 'id' | 'kind' | 'policy' | 'cloud'>;

export interface Budgets {
  /** Money for a cloud model. Throws BUDGET_EXCEEDED. */
  reserveUsd(callId: string, principal: BudgetHolder, maxCostUsd: number): SpendingHold;
  /** Tokens of one turn. Throws BUDGET_EXCEEDED. */
  reserveTokens(callId: string, principal: BudgetHolder, maxTokens: number): SpendingHold;
  /** Why a run would not get a single token now, or null. */
  runRefusal(principal: BudgetHolder): AppError | null;
  settledUsd(callId: string): number;
  /** The call's record is durable with this in it. */
  release(callId: string, recorded: { tokens: number; costUsd: number }): void;
}

export function createBudgets({ spent, clock, onRefused }: BudgetsOptions): Budgets {
  const money = createSpendingLedger<BudgetName>({
    spent: (account, period) => spent(account, period).microUsd,
    clock,
  });
  const tokens = createSpendingLedger<BudgetName>({ spent: (account, period) => spent(account, period).tokens, clock });

  function refuse(shortage: Shortage<BudgetName>, principal: BudgetHolder): AppError {
    onRefused?.(shortage.budget.name, principal);
    return budgetExceeded(shortage);
  }

  return {
    reserveUsd(callId, principal, maxCostUsd) {
      const wanted = Number.isFinite(maxCostUsd) ? toMicroUsd(maxCostUsd) : Infinity;
      const hold = money.reserve(callId, accountOf(principal), moneyBudgets(principal), wanted);
      if ('budget' in hold) throw refuse(hold, principal);
      return { settle: (costUsd) => hold.settle(toMicroUsd(costUsd)) };
    },
    reserveTokens(callId, principal, maxTokens) {
      const hold = tokens.reserve(callId, accountOf(principal), tokenBudgets(principal), maxTokens);
      if ('budget' in hold) throw refuse(hold, principal);
      return hold;
    },
    runRefusal(principal) {
      const budgets = tokenBudgets(principal);
      const shortage = budgets.length === 0 ? null : tokens.shortage(accountOf(principal), budgets, 1);
      return shortage === null ? null : refuse(shortage, principal);
    },
    settledUsd: (callId) => toUsd(money.settled(callId)),
    release(callId, recorded) {
      money.release(callId, toMicroUsd(recorded.costUsd));
      tokens.release(callId, recorded.tokens);
    },
  };
}

const NO_CLOUD: CloudRights = { consent: false, budgetUsdPerMonth: 0, account: '' };

function moneyBudgets({ policy, cloud = NO_CLOUD }: BudgetHolder): Budget<BudgetName>[] {
  const { usdPerDay, usdPerMonth } = policy?.limits ?? {};
  return [
    { name: 'cloud_month', window: 'month', limit: toMicroUsd(cloud.budgetUsdPerMonth) },
    ...budget('usd_day', 'day', usdPerDay === undefined ? undefined : toMicroUsd(usdPerDay)),
    ...budget('usd_month', 'month', usdPerMonth === undefined ? undefined : toMicroUsd(usdPerMonth)),
  ];
}

function tokenBudgets({ policy }: BudgetHolder): Budget<BudgetName>[] {
  const { tokensPerDay, tokensPerMonth } = policy?.limits ?? {};
  return [...budget('tokens_day', 'day', tokensPerDay), ...budget('tokens_month', 'month', tokensPerMonth)];
}

function budget(name: BudgetName, window: 'day' | 'month', limit: number | undefined): Budget<BudgetName>[] {
  return limit === undefined ? [] : [{ name, window, limit }];
}

function budgetExceeded({
  budget: { name, window, limit },
  taken,
  wanted,
  retryAfterS,
}: Shortage<BudgetName>): AppError {
  const isTokens = name === 'tokens_day' || name === 'tokens_month';
  const show = (amount: number): string => (isTokens ? `${amount} tokens` : `$${Number(toUsd(amount).toFixed(4))}`);
  const noun = name === 'cloud_month' ? 'cloud budget' : 'budget';
  const message =
    limit === 0
      ? `This key has no ${name === 'cloud_month' ? 'budget for cloud models' : 'budget for models that cost money'}`
      : `This ${window}'s ${noun} of ${show(limit)} does not cover it: ${show(taken)} are spent or set aside, and one more turn may take ${show(wanted)}`;
  const raise =
    name === 'cloud_month' ? 'Raise it with "mem-agent keys set ID --cloud-budget-usd N"' : `Raise the key's limits`;
  return new AppError('BUDGET_EXCEEDED', message, {
    hint: `${raise}, or wait for the next ${window}`,
    // Nothing comes of waiting where there never was a budget.
    ...(limit > 0 && { retryAfterS }),
  });
}
