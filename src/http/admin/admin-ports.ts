// What the admin API needs of the daemon. The running daemon fills every port; the CLI without a daemon fills those that
// work on the store alone, and leaves out what only a running daemon can do.
import type { RunInfo } from '../../agent/run-registry.ts';
import type { QueueFigures } from '../../agent/run-queue.ts';
import type { AuditActor, AuditLog } from '../../audit/audit-log.ts';
import type { AuditReader } from '../../audit/audit-reader.ts';
import type { OpenAuditLog } from '../../audit/open-audit-log.ts';
import type { KeyStore } from '../../auth/open-key-store.ts';
import type { ConfigDiff } from '../../config/diff-config.ts';
import type { ExplainedKey } from '../../config/explain.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ComponentHealth } from '../../lib/component.ts';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import type { MinuteRow } from '../../telemetry/minute-figures.ts';
import type { UsageReportOptions, UsageReportRow } from '../../usage/usage-report.ts';
import type { Worker } from '../../worker/worker.ts';

/** The supervised model worker, wherever it runs; any `Worker` satisfies it. */
export type WorkerPort = Pick<
  Worker,
  'name' | 'status' | 'startNow' | 'stopNow' | 'restartNow' | 'probe' | 'logs' | 'followLogs'
>;

/** Who may answer, in the order they are asked. */
export interface ModelsPort {
  list(): readonly BackendInfo[];
  /** The models a backend of the list offers now. Throws MODEL_UNAVAILABLE, MODEL_PROTOCOL, … */
  listModels(name: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Asks a backend of the list one tiny question, with nothing of a memory in it. Throws what the backend throws. */
  test(name: string, signal: AbortSignal): Promise<BackendTest>;
}

export interface BackendInfo {
  name: string;
  /** Groups are asked from the lowest priority number up; backends of one priority share the load. */
  priority: number;
  /** `cloud`: consent, budget and the privacy screen stand in front. */
  trust: 'local' | 'cloud';
  state: 'ok' | 'degraded' | 'failed';
  reason: string;
  /** Null for a backend without one. */
  breaker: 'closed' | 'open' | 'half-open' | null;
  requestsRunning: number;
}

export interface BackendTest {
  model: string;
  durationMs: number;
  timeToFirstTokenMs: number;
  inputTokens: number;
  outputTokens: number;
  text: string;
  /** Only a backend that costs money knows it. */
  costUsd?: number;
}

export const FILTER_KINDS = ['answer', 'privacy'] as const;
export type FilterKind = (typeof FILTER_KINDS)[number];

export interface FilterFile {
  /** Null: none is configured, so there is none to write either. */
  file: string | null;
  /** As it is in the file; empty where it cannot be read. */
  text: string;
  /** What is wrong with the file, what that means now, and the fix; null: nothing. */
  problem: { detail: string; hint: string } | null;
}

export interface FiltersPort {
  /** Never throws for what is wrong with a file. */
  read(kind: FilterKind): FilterFile;
  /** Throws INVALID_INPUT with every wrong line, or PERMISSION_DENIED; then the file is as it was. */
  write(kind: FilterKind, text: string): Promise<void>;
}

/** Only a running daemon has these. */
export interface RunningPorts {
  /** Loads the configuration again and applies what can be. Throws CONFIG_INVALID, and then nothing has changed. */
  reload(): Promise<ConfigDiff>;
  logLevel: { get(): string; set(level: string): void };
  runs: {
    list(): readonly RunInfo[];
    /** False when there is no such run any more. */
    cancel(id: string): boolean;
  };
  queue(): QueueFigures;
  /** The last hours by the minute, the running one last. */
  minutes(): readonly MinuteRow[];
  /** Keys whose value waits for a restart. */
  pendingRestart(): readonly string[];
  /** Begins to drain and returns at once. */
  drain(reason: string): void;
  leases: {
    /** A client attached; the result is called once when it goes. */
    attach(): () => void;
    readonly attached: number;
    /** Aborted when the daemon drains: a lease must not hold it up. */
    readonly closing: AbortSignal;
  };
}

export interface AdminPorts {
  version: string;
  clock: Clock;
  /** `openAuditLog` satisfies it. */
  audit: AuditLog & AuditReader & Pick<OpenAuditLog, 'verify' | 'checkpoint' | 'publicKey'>;
  /** The audit was read while that could not be recorded. Left out: the owner's own process read it. */
  onUnrecordedRead?: ((read: { actor: AuditActor; requestId: string; action: string }) => void) | undefined;
  keys: Pick<KeyStore, 'list' | 'create' | 'change' | 'revoke' | 'rotate'>;
  /** Names of the memory roots that a key may be given. */
  rootNames(): readonly string[];
  /** `usageReport` over the store's handle. */
  usage(options: UsageReportOptions): readonly UsageReportRow[];
  /** Every memory root that is open. */
  roots(): Promise<readonly MemoryRoot[]>;
  filters: FiltersPort;
  /** Every key, masked. */
  explainConfig(): readonly ExplainedKey[];
  /** So that a client can tell that it found the daemon it meant. */
  stateDirectory: string;
  state(): string;
  /** Where each listener answers (`http`, `ops`, `admin`); empty without a daemon. */
  listeners(): Readonly<Record<string, string>>;
  startedAtMs: number | null;
  health(): Readonly<Record<string, ComponentHealth>>;
  /** Null when none is configured. */
  worker: WorkerPort | null;
  models: ModelsPort;
  running: RunningPorts | null;
}
