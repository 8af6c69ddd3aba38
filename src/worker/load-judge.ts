// Whether a load goes on: looks at what the engine printed, computed and read since the last look, and gives up when it was
// nothing for too long, or everything took too long.
import type { Clock } from '../lib/clock.ts';
import { EngineFailure } from './engine-failure.ts';
import { createLoadWatch } from './lease.ts';
import type { Leases } from './lease.ts';
import type { FamilyMark, FindFamily } from './process-family.ts';
import { readIoBytes, readProcessTable } from './process-table.ts';
import type { ProcessRow } from './process-table.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface LoadJudge {
  /** Throws EngineFailure when it is to be given up; `detail` says what it was waiting for. */
  judge(detail: string, family: FamilyMark, outputBytes: number): void;
  readonly elapsedMs: number;
}

export interface LoadJudgeContext {
  options: WorkerOptions;
  clock: Clock;
  leases: Leases;
  findFamily: FindFamily;
}

export function createLoadJudge({ options, clock, leases, findFamily }: LoadJudgeContext): LoadJudge {
  const watch = createLoadWatch({ stallMs: options.loadStallMs, timeoutMs: options.loadTimeoutMs, clock });
  return {
    judge(detail, family, outputBytes) {
      // Who runs it decides how long it may take.
      if (options.profile === 'external') return;
      const members = findWorking(family, findFamily);
      watch.look(
        {
          outputBytes,
          cpuMs: members.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
          ioBytes: members.reduce((sum, { pid }) => sum + readIoBytes(pid), 0),
        },
        leases.current() === 'compile',
      );
      const verdict = watch.verdict();
      if (verdict !== null) throw new EngineFailure('load', `${verdict} (${detail})`);
    },
    get elapsedMs() {
      return watch.elapsedMs;
    },
  };
}

/** Asked every second, so by what is cheap to know; a mark has to be looked for only where there is no child of ours. */
function findWorking(family: FamilyMark, findFamily: FindFamily): ProcessRow[] {
  const groupId = family.leader?.pid;
  if (groupId === undefined) return findFamily(family);
  return readProcessTable().filter((row) => row.groupId === groupId || row.sessionId === groupId);
}
