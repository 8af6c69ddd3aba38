// The audit record of a reload that nobody asked for over the admin API: SIGHUP, or a legacy file that changed.
// Guarantee: what cannot be recorded does not happen.
import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../audit/audit-log.ts';
import { toAppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

export async function auditedReload(audit: AuditLog, clock: Clock, effect: () => Promise<void>): Promise<void> {
  const startedMs = clock.monotonicMs();
  const call = await audit.begin({
    requestId: randomUUID(),
    actor: { kind: 'system', id: 'mem-agent' },
    transport: 'internal',
    action: 'config.reload',
  });
  const durationMs = (): number => clock.monotonicMs() - startedMs;
  try {
    await effect();
  } catch (error) {
    await call.finish({ outcome: 'error', code: toAppError(error).code, durationMs: durationMs() });
    throw error;
  }
  await call.finish({ outcome: 'ok', durationMs: durationMs() });
}
