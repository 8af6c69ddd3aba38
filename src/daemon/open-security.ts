// Security events and failed logins: into the audit, the log and the metrics, each summed up by the minute.
import { randomUUIDv7 } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.ts';
import type { OpenAuditLog } from '../audit/open-audit-log.ts';
import { createSecurityLog, type SecurityLog } from '../audit/security-log.ts';
import { createLoginFailureLog, type LoginFailureLog } from '../auth/login-failure-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { SecurityEventName } from '../telemetry/security-events.ts';

export interface Security extends AsyncDisposable {
  readonly log: SecurityLog;
  readonly failures: LoginFailureLog;
  /** The audit log whose calls that changed a key or the configuration are told as security events. */
  readonly audit: AuditLog;
}

/** Their record is the call itself. */
const CHANGES: Readonly<Record<string, SecurityEventName>> = {
  'key.create': 'key_changed',
  'key.revoke': 'key_changed',
  'key.rotate': 'key_changed',
  'key.change': 'policy_changed',
  'config.reload': 'config_changed',
  'filters.change': 'config_changed',
  'log.level': 'config_changed',
};

export function openSecurity(audit: OpenAuditLog, events: Events, clock: Clock): Security {
  const log = createSecurityLog({
    clock,
    write: (note) => audit.note(note),
    tell: ({ event, actor, requestId, code, details }, isRepeat) =>
      events.securityEvent({
        event,
        isRepeat,
        ...(actor !== undefined && { actor: actor.id }),
        ...(requestId !== undefined && { requestId }),
        ...(code !== undefined && { code }),
        ...(details !== undefined && { details }),
      }),
  });
  const failures = createLoginFailureLog({
    clock,
    write: (row) =>
      audit.note({
        requestId: randomUUIDv7(),
        actor: { kind: 'system', id: 'mem-agent' },
        transport: 'internal',
        action: 'security.auth_failed',
        outcome: 'denied',
        code: 'UNAUTHENTICATED',
        content: row,
      }),
  });
  return {
    log,
    failures,
    audit: {
      async begin(intent, operations) {
        const call = await audit.begin(intent, operations);
        const event = CHANGES[intent.action];
        if (event === undefined) return call;
        const { actor, requestId, action } = intent;
        return {
          callId: call.callId,
          operation: (operation) => call.operation(operation),
          async finish(outcome) {
            await call.finish(outcome);
            if (outcome.outcome === 'ok') log.tell({ event, actor, requestId, details: { action } });
          },
        };
      },
    },
    async [Symbol.asyncDispose]() {
      await failures[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}
