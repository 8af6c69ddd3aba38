// Builds one supervised worker from its parts. It must be closed: closing drains it, ends its engine and all that belongs
// to it. Nothing happens before `start`.
import type { Clock } from '../lib/clock.ts';
import { createIdentityFile } from './identity-file.ts';
import { findFamily } from './process-family.ts';
import type { FindFamily } from './process-family.ts';
import { createGpuBoard, SupervisedWorker } from './supervised-worker.ts';
import { Supervisor } from './supervise.ts';
import type { WorkerEvent } from './worker-event.ts';
import { createWorkerLog } from './worker-log.ts';
import type { WorkerOptions } from './worker-options.ts';
import type { Worker, WorkerLogLine } from './worker.ts';

export interface WorkerPorts {
  clock: Clock;
  onEvent(event: WorkerEvent): void;
  /** Each line of its log, already limited in rate. */
  onLogLine?(line: WorkerLogLine): void;
  /** Takes secrets out of its lines. */
  redact?: (text: string) => string;
  random?: () => number;
  /** Default `nvidia-smi`. */
  gpuCommand?: string;
  /** How often what waits looks at the clock, in real time. */
  lookEveryMs?: number;
  /** Default: group, session, descendants and mark. */
  findFamily?: FindFamily;
}

const LOG_LINES = 2000;
const LOOK_EVERY_MS = 250;

export function openWorker(options: WorkerOptions, ports: WorkerPorts): Worker {
  const { clock, onEvent, onLogLine, redact } = ports;
  // What is only watched is never unloaded.
  const own: WorkerOptions = options.profile === 'external' ? { ...options, idleUnloadMs: 0 } : options;
  const log = createWorkerLog({
    capacity: LOG_LINES,
    linesPerSecond: options.logLinesPerSecond,
    clock,
    secrets: secretsOf(options),
    ...(redact === undefined ? {} : { redact }),
    ...(onLogLine === undefined ? {} : { onLine: onLogLine }),
  });
  const gpuWatch = createGpuBoard(clock, ports.gpuCommand);
  const supervisor = new Supervisor({
    options: own,
    clock,
    random: ports.random ?? Math.random,
    log,
    identityFile: createIdentityFile(options.runtimeDirectory, options.name),
    findFamily: ports.findFamily ?? findFamily,
    gpuCommand: ports.gpuCommand,
    gpus: () => gpuWatch.latest(),
    lookEveryMs: ports.lookEveryMs ?? LOOK_EVERY_MS,
    tell: (news) => onEvent({ worker: options.name, ...news }),
  });
  return new SupervisedWorker({ options: own, supervisor, log, clock, gpuWatch });
}

/** What the engine was given in confidence, and may well print with its settings. */
function secretsOf({ apiKey, env }: WorkerOptions): string[] {
  const confidential = Object.entries(env).filter(([name]) => /KEY|TOKEN|SECRET|PASSWORD/i.test(name));
  return [apiKey, ...confidential.map(([, value]) => value)];
}
