// What has to be true before an engine is started: nothing of an earlier one lives, the GPU's memory is back, and there is
// a free place to listen.
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { createPlan } from './create-plan.ts';
import { chooseEngineAddress, endpointOf } from './engine-address.ts';
import { Interrupted } from './engine-failure.ts';
import { readGpus, waitForGpuMemory } from './gpu-probe.ts';
import type { IdentityFile } from './identity-file.ts';
import type { EngineAddress, LaunchPlan } from './launch-plan.ts';
import type { FindFamily } from './process-family.ts';
import { sweepWorker } from './sweep-worker.ts';
import type { WorkerEndpoint } from './worker-endpoint.ts';
import type { WorkerLog } from './worker-log.ts';
import type { WorkerOptions } from './worker-options.ts';

export interface PreparedRun {
  plan: LaunchPlan;
  endpoint: WorkerEndpoint;
  /** Null for a server that is only watched. */
  address: EngineAddress | null;
  mark: string;
  gpuUsedBytes: number;
}

export interface PrepareContext {
  options: WorkerOptions;
  log: WorkerLog;
  identityFile: IdentityFile;
  findFamily: FindFamily;
  random: () => number;
  gpuCommand: string | undefined;
  /** Of the life before, so that the address stays. */
  previous: EngineAddress | null;
  /** What the GPUs held before the first start, once it is known. */
  gpuUsedBytes: number | null;
  signal: AbortSignal;
  onWaiting(reason: string): void;
  onSwept(processes: number): void;
}

const GPU_TIMEOUT_MS = 5000;
const UNUSED_ADDRESS: EngineAddress = { kind: 'unix', path: '' };

/** Throws CONFIG_INVALID, WORKER_FAILED or Interrupted. */
export async function prepareRun(context: PrepareContext): Promise<PreparedRun> {
  const { options, identityFile, findFamily, log, signal, onWaiting } = context;
  const swept = await sweepWorker({ identityFile, findFamily, graceMs: options.stopTimeoutMs });
  if (swept !== null) {
    log.note('warn', `Ended what an earlier supervisor left running: ${swept.processes} process(es)`);
    context.onSwept(swept.processes);
  }
  if (options.profile === 'external') {
    const endpoint = { baseUrl: options.listen };
    return { plan: createPlan(options, UNUSED_ADDRESS), endpoint, address: null, mark: '', gpuUsedBytes: 0 };
  }
  mkdirSync(options.runtimeDirectory, { recursive: true, mode: 0o700 });
  const usedBeforeBytes = context.gpuUsedBytes ?? swept?.gpuUsedBytes ?? null;
  const gpuUsedBytes = usedBeforeBytes ?? (await readGpuUse(context));
  if (usedBeforeBytes !== null) await waitForGpus(context, usedBeforeBytes);
  const address = await chooseEngineAddress(options, context.previous, context.random);
  if (signal.aborted) throw new Interrupted();
  onWaiting('starting the engine');
  return {
    plan: createPlan(options, address),
    endpoint: endpointOf(address),
    address,
    mark: randomUUID(),
    gpuUsedBytes,
  };
}

async function readGpuUse({ gpuCommand, signal }: PrepareContext): Promise<number> {
  const gpus = await readGpus({ timeoutMs: GPU_TIMEOUT_MS, signal, ...commandOf(gpuCommand) });
  return gpus.reduce((sum, gpu) => sum + gpu.memoryUsedBytes, 0);
}

async function waitForGpus(context: PrepareContext, usedBeforeBytes: number): Promise<void> {
  const { options, log, signal, gpuCommand, onWaiting } = context;
  onWaiting('waiting until the memory of the GPU is back');
  const isBack = await waitForGpuMemory({
    usedBeforeBytes,
    timeoutMs: options.gpuWaitMs,
    signal,
    ...commandOf(gpuCommand),
  });
  // Another program may have taken it for good: the engine itself finds out whether the rest is enough.
  if (!isBack && !signal.aborted)
    log.note(
      'warn',
      `The GPU still holds more memory than before the last start, ${options.gpuWaitMs} ms after its end`,
    );
}

function commandOf(command: string | undefined): { command?: string } {
  return command === undefined ? {} : { command };
}
