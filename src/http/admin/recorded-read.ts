// A read of the audit is a call in the audit: who searched, proved or exported it is what an auditor asks first.
// Guarantee: never refused for want of its record, since it is what an operator needs while the audit cannot be written; a guard
// is told instead, whose record follows when it can.
import type { AuditOutcome } from '../../audit/audit-log.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { HttpContext } from '../env.ts';
import type { AdminPorts } from './admin-ports.ts';

export interface RecordedRead<T> {
  action: string;
  args?: unknown;
  read(): T | Promise<T>;
}

export async function recordedRead<T>(
  c: HttpContext,
  ports: AdminPorts,
  { read, ...call }: RecordedRead<T>,
): Promise<T> {
  const finish = await beginRead(c, ports, { ...call, durableWithNext: true });
  let result: T;
  try {
    result = await read();
  } catch (error) {
    await finish({ outcome: 'error', code: toAppError(error).code });
    throw error;
  }
  await finish({ outcome: 'ok' });
  return result;
}

type FinishRead = (outcome: Pick<AuditOutcome, 'outcome' | 'code'>) => Promise<void>;

/** For an answer that leaves while it is read: unless `durableWithNext`, its intent is durable before. */
export async function beginRead(
  c: HttpContext,
  ports: AdminPorts,
  intent: { action: string; args?: unknown; durableWithNext?: boolean },
): Promise<FinishRead> {
  const { kind, id } = c.get('principal');
  const actor = { kind, id };
  const requestId = c.get('requestId');
  const startedMs = ports.clock.monotonicMs();
  const unlessUnavailable = async <T>(record: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await record();
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'AUDIT_UNAVAILABLE')) throw error;
      ports.onUnrecordedRead?.({ actor, requestId, action: intent.action });
      return undefined;
    }
  };
  const transport = ports.running === null ? 'cli' : c.get('transport');
  const call = await unlessUnavailable(() => ports.audit.begin({ requestId, actor, transport, ...intent }));
  return async (outcome) => {
    const durationMs = ports.clock.monotonicMs() - startedMs;
    await unlessUnavailable(async () => call?.finish({ ...outcome, durationMs }));
  };
}
