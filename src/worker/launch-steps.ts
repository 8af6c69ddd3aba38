// The commands around an engine that is no child of ours: run to their end before it, and shortly before its end.
// Guarantee: none outlives its step, but for what it left running on purpose, which carries the engine's mark.
import { setTimeout as sleep } from 'node:timers/promises';
import { endFamily } from './end-family.ts';
import { EngineFailure } from './engine-failure.ts';
import type { LaunchStep } from './launch-plan.ts';
import type { FindFamily } from './process-family.ts';
import type { WorkerProcess } from './worker-process.ts';

export interface StepContext {
  spawn(step: LaunchStep): Promise<WorkerProcess>;
  findFamily: FindFamily;
}

export interface StepWatch {
  /** A second, or less when the child ends or the life is interrupted. */
  wait(child: WorkerProcess): Promise<void>;
  /** Throws when it is to be given up. */
  check(shown: string, child: WorkerProcess): void;
}

const LAST_STEP_MS = 10_000;

export function showStep({ executable, args }: LaunchStep): string {
  return [executable, ...args].join(' ');
}

/** Throws EngineFailure when it fails and mustn't, and whatever `check` throws. */
export async function runStep(step: LaunchStep, { spawn, findFamily }: StepContext, watch: StepWatch): Promise<void> {
  const child = await spawn(step);
  const shown = showStep(step);
  try {
    while (child.exit === null) {
      await watch.wait(child);
      watch.check(shown, child);
    }
  } finally {
    if (child.exit === null) await endStep(child, findFamily);
  }
  if (child.exit !== null && child.exit.code !== 0 && !step.mayFail)
    throw new EngineFailure('load', `${shown} ended with ${child.exit.how}`);
}

/** Null, or why it could not be run; what takes too long is ended. */
export async function runLastStep(step: LaunchStep, { spawn, findFamily }: StepContext): Promise<string | null> {
  try {
    const child = await spawn(step);
    await Promise.race([child.exited, sleep(LAST_STEP_MS, undefined, { ref: false })]);
    if (child.exit === null) await endStep(child, findFamily);
    return null;
  } catch (error) {
    if (error instanceof EngineFailure) return error.message;
    throw error;
  }
}

async function endStep(child: WorkerProcess, findFamily: FindFamily): Promise<void> {
  // Its leader alone: the mark is shared with the engine's service, which is not the step's to end.
  await endFamily({ family: { ...child.family, mark: '' }, findFamily, graceMs: 0, leaderFirst: false });
}
