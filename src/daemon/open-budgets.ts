// The budgets of every caller over what is recorded, and the audit log that frees what was set aside.
// Guarantee: what a call has spent is held against its budgets until its record is durable.
import type { AuditCall, AuditLog } from '../audit/audit-log.ts';
import type { SecurityLog } from '../audit/security-log.ts';
import { createBudgets, type Budgets } from '../auth/budgets.ts';
import type { Principal } from '../auth/principal.ts';
import type { TokenPermit } from '../agent/ports.ts';
import type { Clock } from '../lib/clock.ts';
import type { Db } from '../store/sqlite.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import { createSpentReader, tokensOf } from '../usage/budget-spending.ts';

export interface CallerBudgets extends Budgets {
  tokensFor(principal: Principal, auditCall: AuditCall): TokenPermit;
  /** The audit log whose finished calls free what was held for them. */
  readonly audit: AuditLog;
}

export interface BudgetParts {
  db: Db;
  audit: AuditLog;
  security: SecurityLog;
  metrics: Metrics;
  clock: Clock;
}

export function openBudgets({ db, audit, security, metrics, clock }: BudgetParts): CallerBudgets {
  const budgets = createBudgets({
    spent: createSpentReader(db),
    clock,
    onRefused(limit, { kind, id }) {
      metrics.limits.budgetRefused(limit);
      security.report({ event: 'rate_limited', code: 'BUDGET_EXCEEDED', actor: { kind, id }, details: { limit } });
    },
  });
  const releasing = (call: AuditCall): AuditCall => ({
    callId: call.callId,
    operation: (operation) => call.operation(operation),
    async finish(outcome) {
      await call.finish(outcome);
      const { usage } = outcome;
      budgets.release(call.callId, {
        tokens: usage === undefined ? 0 : tokensOf(usage),
        costUsd: usage?.costUsd ?? 0,
      });
    },
  });
  return {
    ...budgets,
    tokensFor: (principal, { callId }) => ({
      reserve: (maxTokens) => budgets.reserveTokens(callId, principal, maxTokens),
    }),
    audit: { begin: async (intent, operations) => releasing(await audit.begin(intent, operations)) },
  };
}
