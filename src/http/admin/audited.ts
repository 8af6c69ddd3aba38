// Intent before effect for every admin operation that reads or changes a key or the configuration.
// Guarantees: if the intent cannot be written nothing happens; if the outcome cannot, what was done is undone where it can be.
import type { NoteOperation } from '../../audit/audit-log.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { HttpContext } from '../env.ts';
import type { AdminPorts } from './admin-ports.ts';

export interface AuditedOperation<T> {
  action: string;
  args?: unknown;
  /** The memory root it is about. */
  root?: string;
  /** What it reads; recorded with the intent. */
  operations?: readonly NoteOperation[];
  effect(): T | Promise<T>;
  /** What it changed, with the state before and after, as a record of its own. */
  change?(result: T): NoteOperation;
  /** Called when the effect happened but its outcome could not be recorded. */
  undo?(result: T): Promise<unknown>;
}

export async function audited<T>(c: HttpContext, ports: AdminPorts, operation: AuditedOperation<T>): Promise<T> {
  const principal = c.get('principal');
  const startedMs = ports.clock.monotonicMs();
  const call = await ports.audit.begin(
    {
      requestId: c.get('requestId'),
      actor: { kind: principal.kind, id: principal.id },
      // Without a daemon there is no listener: the operator's own process did it.
      transport: ports.running === null ? 'cli' : c.get('transport'),
      action: operation.action,
      ...(operation.root === undefined ? {} : { root: operation.root }),
      ...(operation.args === undefined ? {} : { args: operation.args }),
    },
    operation.operations,
  );
  const durationMs = (): number => ports.clock.monotonicMs() - startedMs;
  let result: T;
  try {
    result = await operation.effect();
  } catch (error) {
    await call.finish({ outcome: 'error', code: toAppError(error).code, durationMs: durationMs() });
    throw error;
  }
  try {
    if (operation.change !== undefined) await call.operation(operation.change(result));
    await call.finish({ outcome: 'ok', durationMs: durationMs() });
  } catch (error) {
    await operation.undo?.(result);
    throw error;
  }
  return result;
}

/** What only a running daemon can do; throws UNSUPPORTED in the CLI without one. */
export function requireRunning(ports: AdminPorts): NonNullable<AdminPorts['running']> {
  if (ports.running !== null) return ports.running;
  throw new AppError('UNSUPPORTED', 'No mem-agent daemon is running', {
    hint: 'Start it (mem-agent serve, or systemctl start mem-agent) and try again',
  });
}
