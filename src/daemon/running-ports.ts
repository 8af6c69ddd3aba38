// Fills the part of the admin API's ports that only a running daemon has.
import type { AgentService } from '../agent/agent-service.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { RunningPorts } from '../http/admin/admin-ports.ts';
import type { RootLogger } from '../telemetry/create-logger.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import type { IdleExit } from './idle-exit.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

export interface RunningPortsInput {
  settings: ReloadableConfig;
  load(): LoadedConfig;
  logger: RootLogger;
  agent: AgentService;
  metrics: Metrics;
  idle: IdleExit;
  /** Aborted when the daemon drains. */
  closing: AbortSignal;
  drain(reason: string): void;
}

export function createRunningPorts(input: RunningPortsInput): RunningPorts {
  const { settings, logger, agent, metrics, idle, closing } = input;
  return {
    reload: () => settings.reload(input.load),
    logLevel: { get: () => logger.level, set: (level) => settings.setLogLevel(level) },
    runs: { list: () => agent.runs(), cancel: (id) => agent.cancelRun(id) },
    queue: () => agent.queueFigures(),
    minutes: () => metrics.minutes.rows(),
    pendingRestart: () => settings.pendingRestart(),
    drain: (reason) => input.drain(reason),
    leases: {
      attach: () => idle.attach(),
      get attached() {
        return idle.attached;
      },
      closing,
    },
  };
}
