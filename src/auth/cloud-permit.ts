// What one call of one caller may send to a cloud model: consent, money and audit in one object. It satisfies
// `CloudPermit` of `model/chat-backend.ts`, which this level may not import.

import type { CloudHold, CloudSpending } from './cloud-spending.ts';
import type { CloudRights, Principal } from './principal.ts';

/** Structurally what `audit/` gives a call. */
export interface EgressAudit {
  readonly callId: string;
  operation(operation: { operation: string; path: string; after: string }): Promise<void>;
}

export interface CloudPermitOptions {
  principal: Pick<Principal, 'cloud'>;
  spending: CloudSpending;
  auditCall: EgressAudit;
}

export interface CloudPermit {
  readonly consent: boolean;
  /** What this call has cost so far; the figure for its usage row, whatever became of the answers. */
  readonly spentUsd: number;
  /** Throws BUDGET_EXCEEDED. */
  reserve(maxCostUsd: number): CloudHold;
  /** Throws AUDIT_UNAVAILABLE. */
  recordEgress(egress: { backend: string; model: string; sizeBytes: number; redactions: number }): Promise<void>;
}

const NOTHING: CloudRights = { consent: false, budgetUsdPerMonth: 0, account: '' };

export function createCloudPermit({ principal, spending, auditCall }: CloudPermitOptions): CloudPermit {
  const rights = principal.cloud ?? NOTHING;
  const { callId } = auditCall;
  return {
    consent: rights.consent,
    get spentUsd() {
      return spending.settledUsd(callId);
    },
    reserve: (maxCostUsd) => spending.reserve(callId, rights, maxCostUsd),
    recordEgress: ({ backend, model, sizeBytes, redactions }) =>
      auditCall.operation({
        operation: 'cloud.send',
        path: `${backend}:${model}`,
        after: `${sizeBytes} bytes, ${redactions} withheld`,
      }),
  };
}
