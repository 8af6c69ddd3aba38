// The shapes of worker.ts as zod schemas, one source for the socket between daemon and worker and for the admin API.
import { z } from 'zod';
import type { WorkerEvent } from './worker-event.ts';
import {
  WORKER_STATES,
  type WorkerFailure,
  type WorkerLogLine,
  type WorkerProbe,
  type WorkerStatus,
} from './worker.ts';

const gpu = z.object({
  index: z.number(),
  name: z.string(),
  memoryUsedBytes: z.number(),
  memoryTotalBytes: z.number(),
  utilisationRatio: z.number(),
  temperatureCelsius: z.number().nullable(),
});

export const workerFailureSchema = z.object({
  atIso: z.string(),
  kind: z.enum(['crash', 'stall', 'load', 'canary', 'spawn']),
  reason: z.string(),
  logTail: z.array(z.string()).readonly(),
  metrics: z.string(),
  gpus: z.array(gpu).readonly().exactOptional(),
}) satisfies z.ZodType<WorkerFailure>;

export const workerStatusSchema = z.object({
  name: z.string(),
  profile: z.string(),
  state: z.enum(WORKER_STATES),
  reason: z.string(),
  sinceIso: z.string(),
  pid: z.number().nullable(),
  baseUrl: z.string().nullable(),
  servedModel: z.string(),
  lease: z.enum(['load', 'compile', 'sleep']).nullable(),
  isAsleep: z.boolean(),
  requestsRunning: z.number(),
  restarts: z.number(),
  retryInMs: z.number().nullable(),
  lastProgressIso: z.string().nullable(),
  lastCanaryIso: z.string().nullable(),
  lastFailure: workerFailureSchema.nullable(),
  gpus: z.array(gpu).readonly(),
}) satisfies z.ZodType<WorkerStatus>;

export const workerLogLineSchema = z.object({
  seq: z.number(),
  timeIso: z.string(),
  stream: z.enum(['stdout', 'stderr', 'supervisor']),
  level: z.enum(['debug', 'info', 'warn', 'error']),
  source: z.string(),
  text: z.string(),
}) satisfies z.ZodType<WorkerLogLine>;

export const workerProbeSchema = z.object({
  ok: z.boolean(),
  steps: z
    .array(
      z.object({
        step: z.enum(['health', 'models', 'completion']),
        ok: z.boolean(),
        durationMs: z.number(),
        detail: z.string(),
      }),
    )
    .readonly(),
}) satisfies z.ZodType<WorkerProbe>;

const worker = z.string();
const state = z.enum(WORKER_STATES);
const reason = z.string();
const durationMs = z.number();

export const workerEventSchema = z.discriminatedUnion('kind', [
  z.object({ worker, kind: z.literal('state'), from: state, to: state, reason }),
  z.object({ worker, kind: z.literal('crashed'), failure: workerFailureSchema }),
  z.object({ worker, kind: z.literal('stalled'), failure: workerFailureSchema }),
  z.object({ worker, kind: z.literal('restart'), delayMs: z.number(), restarts: z.number(), reason }),
  z.object({ worker, kind: z.literal('crash_loop'), trialMs: z.number(), reason }),
  z.object({ worker, kind: z.literal('recovered'), downMs: z.number() }),
  z.object({ worker, kind: z.literal('started'), durationMs }),
  z.object({ worker, kind: z.literal('canary'), ok: z.boolean(), durationMs, detail: z.string() }),
  z.object({ worker, kind: z.literal('swept'), processes: z.number() }),
]) satisfies z.ZodType<WorkerEvent>;
