// The contract of one supervised model worker, in the daemon or in a process of its own; both sides look the same from here.

export const WORKER_STATES = [
  'stopped',
  'starting',
  'loading',
  'ready',
  'busy',
  'stalled',
  'draining',
  'backoff',
  'crash_loop',
  'failed',
] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

/** While one is held, silence is no stall: the engine is known to be doing something long. */
export type LeaseKind = 'load' | 'compile' | 'sleep';

export interface WorkerStatus {
  name: string;
  profile: string;
  state: WorkerState;
  /** Why it is in this state, for a person. */
  reason: string;
  sinceIso: string;
  pid: number | null;
  /** `http://127.0.0.1:N/v1` or `unix:PATH`; null before the first start of a worker whose port is chosen then. */
  baseUrl: string | null;
  servedModel: string;
  lease: LeaseKind | null;
  isAsleep: boolean;
  requestsRunning: number;
  restarts: number;
  /** Of the current back-off, or until the next trial of a crash loop. */
  retryInMs: number | null;
  lastProgressIso: string | null;
  lastCanaryIso: string | null;
  lastFailure: WorkerFailure | null;
  gpus: readonly GpuFacts[];
}

/** What was seen at the first stall or the last crash. */
export interface WorkerFailure {
  atIso: string;
  kind: 'crash' | 'stall' | 'load' | 'canary' | 'spawn';
  reason: string;
  /** At most 200 lines. */
  logTail: readonly string[];
  /** The engine's own metrics as they were, empty when it has none. */
  metrics: string;
  /** As they were; not everywhere known. */
  gpus?: readonly GpuFacts[];
}

export interface GpuFacts {
  index: number;
  name: string;
  memoryUsedBytes: number;
  memoryTotalBytes: number;
  utilisationRatio: number;
  temperatureCelsius: number | null;
}

export interface WorkerLogLine {
  /** Grows by one a line; for `worker logs -f`. */
  seq: number;
  timeIso: string;
  stream: 'stdout' | 'stderr' | 'supervisor';
  level: 'debug' | 'info' | 'warn' | 'error';
  /** `vllm.engine.core`, `uvicorn`, …; empty when the line does not say. */
  source: string;
  text: string;
}

export interface WorkerProbe {
  ok: boolean;
  steps: readonly { step: 'health' | 'models' | 'completion'; ok: boolean; durationMs: number; detail: string }[];
}

export interface Worker extends AsyncDisposable {
  readonly name: string;
  status(): WorkerStatus;
  /** Begins to supervise; returns at once. */
  start(): void;
  /** An operator's wishes: each resets the restart budget and works at once. Throw WORKER_FAILED when it can't be done. */
  startNow(): Promise<void>;
  stopNow(): Promise<void>;
  restartNow(): Promise<void>;
  /** Readiness, asked now: health, the served name, one completion of one token. */
  probe(): Promise<WorkerProbe>;
  /** The newest lines, oldest first. */
  logs(limit: number): Promise<readonly WorkerLogLine[]>;
  /** Calls back for each new line until the result is called. */
  followLogs(onLine: (line: WorkerLogLine) => void): () => void;
  /** The engine's own Prometheus text as last read; empty when it has none. */
  engineMetrics(): string;
  // What `model/worker-control.ts` asks for.
  isReady(): boolean;
  isAsleep(): boolean;
  isComing(): boolean;
  unavailable(): { reason: string; retryAfterS: number };
  wake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void>;
  beginRequest(): { progress(): void; end(outcome: 'ok' | 'failed' | 'cancelled'): void };
}
