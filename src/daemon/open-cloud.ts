// What may leave this machine: one screen and one guard in front of every cloud model, and a permit for each call.
import type { AuditCall } from '../audit/audit-log.ts';
import type { SecurityLog } from '../audit/security-log.ts';
import { createCloudPermit } from '../auth/cloud-permit.ts';
import type { Budgets } from '../auth/budgets.ts';
import { withLocalCloud, type Principal } from '../auth/principal.ts';
import { AppError } from '../lib/app-error.ts';
import type { CloudPermit } from '../model/chat-backend.ts';
import { createCloudGuard, type CloudGuard } from '../model/cloud-guard.ts';
import { createPrivacyScreen, type PrivacyScreen } from '../privacy/create-privacy-screen.ts';
import { readPrivacyRules } from '../privacy/privacy-rules.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

export interface Cloud {
  readonly guard: CloudGuard;
  /** Reads the rules again. Throws CONFIG_INVALID, and then the old ones stay. */
  reloadRules(): void;
  permitFor(principal: Principal, auditCall: AuditCall): CloudPermit;
}

export interface CloudParts {
  settings: ReloadableConfig;
  budgets: Budgets;
  security: SecurityLog;
  metrics: Metrics;
}

const EGRESS_REFUSALS: ReadonlySet<string> = new Set(['CONSENT_REQUIRED', 'BUDGET_EXCEEDED', 'PRIVACY_REFUSED']);

/** Throws CONFIG_INVALID for rules that can't be read. */
export function openCloud({ settings, budgets, security, metrics }: CloudParts): Cloud {
  const openScreen = (): PrivacyScreen => {
    const { rulesFile } = settings.config.privacy;
    return createPrivacyScreen({
      rules: rulesFile === '' ? [] : readPrivacyRules(rulesFile),
      onRedaction: (redaction) => metrics.workers.redaction(redaction),
    });
  };
  let screen = openScreen();
  return {
    // A run keeps the rules it began with.
    guard: reportRefusals(createCloudGuard({ screen: { open: () => screen.open() } }), security),
    reloadRules: () => void (screen = openScreen()),
    permitFor(principal, auditCall) {
      const { localConsent: consent, localBudgetUsd: budgetUsdPerMonth } = settings.config.cloud;
      return createCloudPermit({
        principal: withLocalCloud(principal, { consent, budgetUsdPerMonth }),
        budgets,
        auditCall,
      });
    },
  };
}

/** What the guard keeps from leaving, for want of consent or budget or for its content, is a security event. */
function reportRefusals(guard: CloudGuard, security: SecurityLog): CloudGuard {
  return {
    ...guard,
    async ask(request, target, send) {
      try {
        return await guard.ask(request, target, send);
      } catch (error) {
        if (error instanceof AppError && EGRESS_REFUSALS.has(error.code)) {
          security.report({ event: 'egress_refused', code: error.code, details: { backend: target.backend } });
        }
        throw error;
      }
    },
  };
}
