// Metrics of the proof of the audit: when the whole chain was last recomputed, with what result, and how often it should be.
// Guarantee: before the first verification there is no time and no result, rather than a wrong one.
import type { MetricFactory } from './metric-factory.ts';

export interface AuditMetrics {
  setVerification(verification: {
    /** 0 is never. */
    intervalSeconds: number;
    /** Undefined: none has ended since the start. */
    held: boolean | undefined;
    /** Undefined: the chain was not found whole since the start. */
    wholeMs: number | undefined;
  }): void;
}

export function createAuditMetrics({ gauge }: MetricFactory): AuditMetrics {
  const interval = gauge('audit_verify_interval_seconds', 'How often the audit chain is to be verified; 0 is never');
  const verified = gauge(
    'audit_last_verified_timestamp_seconds',
    'When the whole audit chain was last recomputed and held; no series before that',
  );
  const held = gauge(
    'audit_last_verification_ok',
    '1 when the last verification of the audit chain ended and the chain held; no series before the first',
  );
  // A gauge without labels begins at 0, which would be 1970, and a chain that did not hold.
  verified.remove();
  held.remove();
  return {
    setVerification(verification) {
      interval.set(verification.intervalSeconds);
      if (verification.held !== undefined) held.set(verification.held ? 1 : 0);
      if (verification.wholeMs !== undefined) verified.set(verification.wholeMs / 1000);
    },
  };
}
