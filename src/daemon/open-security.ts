// Security events and failed logins: into the audit, the log and the metrics, each summed up by the minute.
import { randomUUIDv7 } from 'node:crypto';
import type { OpenAuditLog } from '../audit/open-audit-log.ts';
import { createSecurityLog, type SecurityLog } from '../audit/security-log.ts';
import { createLoginFailureLog, type LoginFailureLog } from '../auth/login-failure-log.ts';
import type { Clock } from '../lib/clock.ts';
import type { Events } from '../telemetry/events.ts';

export interface Security extends AsyncDisposable {
  readonly log: SecurityLog;
  readonly failures: LoginFailureLog;
}

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
    async [Symbol.asyncDispose]() {
      await failures[Symbol.asyncDispose]();
      await log[Symbol.asyncDispose]();
    },
  };
}
