// What a guard of this service must hear of: each kind with an id that stays, for the log line, the metric and the audit
// record (`security.<name>`). A name or an id, once released, keeps its meaning. SECURITY.md lists the same table.

export interface SecurityEventKind {
  id: string;
  /** How the audit record of it ends. */
  outcome: 'denied' | 'error' | 'ok';
  severity: 'info' | 'warn' | 'error';
}

export const SECURITY_EVENTS = {
  auth_failed: { id: 'SEC-001', outcome: 'denied', severity: 'warn' },
  access_denied: { id: 'SEC-002', outcome: 'denied', severity: 'warn' },
  path_refused: { id: 'SEC-003', outcome: 'denied', severity: 'warn' },
  egress_refused: { id: 'SEC-004', outcome: 'denied', severity: 'warn' },
  rate_limited: { id: 'SEC-005', outcome: 'denied', severity: 'warn' },
  key_changed: { id: 'SEC-006', outcome: 'ok', severity: 'info' },
  policy_changed: { id: 'SEC-007', outcome: 'ok', severity: 'info' },
  config_changed: { id: 'SEC-008', outcome: 'ok', severity: 'info' },
  sandbox_killed: { id: 'SEC-009', outcome: 'error', severity: 'warn' },
  chain_broken: { id: 'SEC-010', outcome: 'error', severity: 'error' },
  signing_key_changed: { id: 'SEC-011', outcome: 'ok', severity: 'warn' },
  audit_read_unrecorded: { id: 'SEC-012', outcome: 'ok', severity: 'warn' },
} as const satisfies Record<string, SecurityEventKind>;

export type SecurityEventName = keyof typeof SECURITY_EVENTS;

export const SECURITY_EVENT_NAMES = Object.keys(SECURITY_EVENTS) as readonly SecurityEventName[];
