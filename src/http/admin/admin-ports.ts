// What the admin API needs of the daemon. The running daemon fills every port; the CLI without a daemon fills those that
// work on the store alone, and leaves out what only a running daemon can do.
import type { AuditLog } from '../../audit/audit-log.ts';
import type { AuditReader } from '../../audit/audit-reader.ts';
import type { AuditVerification } from '../../audit/verify-audit-chain.ts';
import type { KeyStore } from '../../auth/open-key-store.ts';
import type { ConfigDiff } from '../../config/diff-config.ts';
import type { ExplainedKey } from '../../config/explain.ts';
import type { Clock } from '../../lib/clock.ts';
import type { ComponentHealth } from '../../lib/component.ts';
import type { UsageReportOptions, UsageReportRow } from '../../usage/usage-report.ts';

/** Only a running daemon has these. */
export interface RunningPorts {
  /** Loads the configuration again and applies what can be. Throws CONFIG_INVALID, and then nothing has changed. */
  reload(): Promise<ConfigDiff>;
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
  keys: Pick<KeyStore, 'list' | 'create' | 'revoke' | 'rotate'>;
  /** `usageReport` over the store's handle. */
  usage(options: UsageReportOptions): readonly UsageReportRow[];
  /** Every key, masked. */
  explainConfig(): readonly ExplainedKey[];
  /** So that a client can tell that it found the daemon it meant. */
  stateDirectory: string;
  state(): string;
  /** Where each listener answers (`http`, `ops`, `admin`); empty without a daemon. */
  listeners(): Readonly<Record<string, string>>;
  startedAtMs: number | null;
  health(): Readonly<Record<string, ComponentHealth>>;
  running: RunningPorts | null;
}
