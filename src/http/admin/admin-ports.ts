// What the admin API needs of the daemon. The running daemon fills every port; the CLI without a daemon fills those that
// work on the store alone, and leaves out what only a running daemon can do.
import type { AuditLog } from '../../audit/audit-log.ts';
import type { AuditReader } from '../../audit/audit-reader.ts';
import type { AuditVerification } from '../../audit/verify-audit-chain.ts';
import type { Scope } from '../../auth/principal.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ComponentHealth } from '../../lib/component.ts';
import type { UsageReportOptions, UsageReportRow } from '../../usage/usage-report.ts';

export interface KeyView {
  id: string;
  name: string;
  kind: 'client' | 'admin';
  scopes: readonly Scope[];
  root: string;
  createdMs: number;
  expiresMs: number | null;
  revokedMs: number | null;
  lastUsedMs: number | null;
  rotatedFrom: string | null;
}

/** `key` is the secret itself; it exists only in this answer. */
export type CreatedKey = KeyView & { key: string };

export interface KeyAdmin {
  list(): readonly KeyView[];
  create(request: { name: string; scopes: readonly Scope[]; root: string; expiresMs: number | null }): CreatedKey;
  /** Counts from the next request. Throws NOT_FOUND. */
  revoke(id: string): KeyView;
  /** A new key with the same rights; the old one ends after `overlapMs`. Throws NOT_FOUND. */
  rotate(id: string, overlapMs: number): CreatedKey;
}

export interface ExplainedSetting {
  key: string;
  /** Masked. */
  value: string;
  source: string;
}

export interface ConfigReader {
  explain(): readonly ExplainedSetting[];
}

export interface ReloadResult {
  applied: readonly string[];
  needsRestart: readonly string[];
}

/** Only a running daemon has these. */
export interface RunningPorts {
  /** Loads the configuration again and applies what can be. Throws CONFIG_INVALID, and then nothing has changed. */
  reload(): Promise<ReloadResult>;
  logLevel: { get(): string; set(level: string): void };
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
  audit: AuditLog & AuditReader & { verify(): Promise<AuditVerification> };
  keys: KeyAdmin;
  /** `usageReport` over the store's handle. */
  usage(options: UsageReportOptions): readonly UsageReportRow[];
  config: ConfigReader;
  state(): string;
  startedAtMs: number | null;
  health(): Readonly<Record<string, ComponentHealth>>;
  running: RunningPorts | null;
}
