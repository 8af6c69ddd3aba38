// Fills the admin API's ports, for the running daemon and for the CLI without one.
import type { AuditLog } from '../audit/audit-log.ts';
import type { AuditVerification } from '../audit/verify-audit-chain.ts';
import { explainConfig } from '../config/explain.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { AdminPorts, ModelsPort, RunningPorts, WorkerPort } from '../http/admin/admin-ports.ts';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { ComponentHealth } from '../lib/component.ts';
import { usageReport } from '../usage/usage-report.ts';
import type { StoreParts } from './store-parts.ts';

export interface AdminPortsInput {
  version: string;
  clock: Clock;
  rootNames: readonly string[];
  parts: StoreParts;
  /** Asked at each look, so that a reload shows. */
  loaded(): LoadedConfig;
  health(): Readonly<Record<string, ComponentHealth>>;
  state(): string;
  listeners(): Readonly<Record<string, string>>;
  startedAtMs: number | null;
  /** Left out: none is configured. */
  worker?: WorkerPort | null;
  models?: ModelsPort;
  roots: AdminPorts['roots'];
  filters: AdminPorts['filters'];
  running: RunningPorts | null;
  /** Where its calls are recorded, if not in `parts.audit` itself. */
  audit?: AuditLog;
  /** Somebody had the chain recomputed: for the metric that is watched. */
  onAuditVerified?(found: AuditVerification): void;
  onUnrecordedRead?: AdminPorts['onUnrecordedRead'];
}

const NO_MODELS: ModelsPort = {
  list: () => [],
  listModels: async () => [],
  async test(name) {
    throw new AppError('NOT_FOUND', `There is no backend ${name}`, { hint: 'See: mem-agent models list' });
  },
};

export function createAdminPorts(input: AdminPortsInput): AdminPorts {
  const { parts } = input;
  return {
    version: input.version,
    clock: input.clock,
    audit: {
      ...parts.audit,
      ...input.audit,
      async verify(question) {
        const found = await parts.audit.verify(question);
        // What somebody brings from outside may be wrong itself: only the chain alone is the daemon's own finding.
        if (question === undefined) input.onAuditVerified?.(found);
        return found;
      },
    },
    onUnrecordedRead: input.onUnrecordedRead,
    keys: parts.keys,
    // Those that are open: a reload does not open more.
    rootNames: () => input.rootNames,
    usage: (options) => usageReport(parts.core.db, options),
    stateDirectory: input.loaded().config.state.dir,
    listeners: input.listeners,
    explainConfig: () => explainConfig(input.loaded()),
    state: input.state,
    startedAtMs: input.startedAtMs,
    health: input.health,
    worker: input.worker ?? null,
    models: input.models ?? NO_MODELS,
    roots: input.roots,
    filters: input.filters,
    running: input.running,
  };
}
