// What is kept of a failure: enough to understand it after everything that could be asked is gone.
import type { Clock } from '../lib/clock.ts';
import type { EngineFailure } from './engine-failure.ts';
import type { EngineRun } from './engine-run.ts';
import type { WorkerLog } from './worker-log.ts';
import type { GpuFacts, WorkerFailure } from './worker.ts';

const TAIL_LINES = 200;

/** Asks an engine that still lives for its metrics, shortly. */
export async function describeFailure(
  failure: EngineFailure,
  context: { run: EngineRun | null; log: WorkerLog; clock: Clock; gpus: readonly GpuFacts[] },
): Promise<WorkerFailure> {
  const { run, log, clock, gpus } = context;
  await run?.lastOutput();
  return {
    atIso: new Date(clock.nowMs()).toISOString(),
    kind: failure.kind,
    reason: failure.message,
    logTail: log.tail(TAIL_LINES).map((line) => line.text),
    metrics: run === null ? '' : await run.liveness.readMetricsNow(),
    gpus,
  };
}
