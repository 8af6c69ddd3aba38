// What one call of one caller may send to a cloud model: consent, money and audit in one object. It satisfies
// `CloudPermit` of `model/chat-backend.ts`, which this level may not import.

import type { BudgetHolder, Budgets } from './budgets.ts';
import type { SpendingHold } from './spending-ledger.ts';

/** Structurally what `audit/` gives a call. */
export interface EgressAudit {
  readonly callId: string;
  operation(operation: { operation: string; path: string; after: string }): Promise<void>;
}

export interface CloudPermitOptions {
  principal: BudgetHolder;
  budgets: Budgets;
  auditCall: EgressAudit;
}

export interface CloudPermit {
  readonly consent: boolean;
  /** What this call has cost so far; the figure for its usage row, whatever became of the answers. */
  readonly spentUsd: number;
  /** Throws BUDGET_EXCEEDED. */
  reserve(maxCostUsd: number): SpendingHold;
  /** Throws AUDIT_UNAVAILABLE. */
  recordEgress(egress: { backend: string; model: string; sizeBytes: number; redactions: number }): Promise<void>;
}

export function createCloudPermit({ principal, budgets, auditCall }: CloudPermitOptions): CloudPermit {
  const { callId } = auditCall;
  return {
    consent: principal.cloud?.consent ?? false,
    get spentUsd() {
      return budgets.settledUsd(callId);
    },
    reserve: (maxCostUsd) => budgets.reserveUsd(callId, principal, maxCostUsd),
    recordEgress: ({ backend, model, sizeBytes, redactions }) =>
      auditCall.operation({
        operation: 'cloud.send',
        path: `${backend}:${model}`,
        after: `${sizeBytes} bytes, ${redactions} withheld`,
      }),
  };
}
