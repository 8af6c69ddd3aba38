// What the daemon does by itself with its records: verifies the chain in the background, lets old audit records go where
// that is asked for, and rolls up old usage. One thing at a time, in small slices; a failure is told and tried again.
import { toAppError, type AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { AuditVerification, VerifyQuestion } from '../audit/verify-audit-chain.ts';
import type { PruneRequest, PruneResult } from '../audit/prune-audit.ts';

export interface UpkeepSettings {
  /** 0 is never. */
  verifyIntervalHours: number;
  /** 0 keeps all. */
  retentionDays: number;
  archiveDirectory: string;
}

export interface UpkeepOptions {
  clock: Clock;
  /** Asked each time, so that a reload shows. */
  settings(): UpkeepSettings;
  verify(question: VerifyQuestion): Promise<AuditVerification>;
  prune(request: PruneRequest): Promise<PruneResult>;
  rollUpUsage(): Promise<void>;
  onVerified(found: AuditVerification): Promise<void>;
  onPruned(result: PruneResult): void;
  onProblem(error: AppError): void;
  /** Default: two minutes after the start, then every ten minutes. */
  firstLookMs?: number;
  lookEveryMs?: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Between two slices of about 2 ms: a verification takes a tenth of one processor at most. */
const REST_MS = 20;

export function startUpkeep(options: UpkeepOptions): AsyncDisposable {
  const { clock } = options;
  let verifiedAtMs = -Infinity;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let timer = setTimeout(look, options.firstLookMs ?? 120_000).unref();

  function look(): void {
    running = work().finally(() => {
      if (!stopped) timer = setTimeout(look, options.lookEveryMs ?? 600_000).unref();
    });
  }

  async function work(): Promise<void> {
    const { verifyIntervalHours, retentionDays, archiveDirectory } = options.settings();
    await attempt(() => options.rollUpUsage());
    if (retentionDays > 0) {
      await attempt(async () => {
        const beforeMs = clock.nowMs() - retentionDays * DAY_MS;
        const result = await options.prune({ beforeMs, archiveDirectory });
        if (result.removed > 0) options.onPruned(result);
      });
    }
    const isDue = clock.monotonicMs() - verifiedAtMs >= verifyIntervalHours * HOUR_MS;
    if (verifyIntervalHours === 0 || !isDue || stopped) return;
    await attempt(async () => {
      const found = await options.verify({ restMs: REST_MS, isStopped: () => stopped });
      if (stopped) return;
      verifiedAtMs = clock.monotonicMs();
      await options.onVerified(found);
    });
  }

  async function attempt(task: () => Promise<void>): Promise<void> {
    if (stopped) return;
    try {
      await task();
    } catch (error) {
      options.onProblem(toAppError(error));
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
