// What every scrape asks the parts of the daemon, because it is cheaper to ask than to keep.
import type { AgentService } from '../agent/agent-service.ts';
import type { OpenAuditLog } from '../audit/open-audit-log.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import type { HealthBoard } from './health-board.ts';
import type { Listeners } from './open-listeners.ts';
import type { Roots } from './open-roots.ts';

export interface MeasuredParts {
  board: HealthBoard;
  roots: Roots;
  agent: AgentService;
  audit: Pick<OpenAuditLog, 'lastVerification'>;
  /** 0 is never. */
  verifyIntervalHours(): number;
  sandbox: Sandbox;
  /** Undefined until they are open. */
  listeners(): Listeners | undefined;
  /** Whose disks must not fill; the directory of the notes may change. */
  places(): Readonly<Record<string, string>>;
}

export function collectDaemon(parts: MeasuredParts, metrics: Metrics): void {
  const { board, roots, agent, sandbox } = parts;
  metrics.machine.setPlaces(parts.places());
  metrics.onCollect(() => {
    for (const root of roots.all()) {
      const { notes, sizeBytes, index, indexLagMs } = root.status();
      const indexLagSeconds = indexLagMs / 1000;
      metrics.setMemory({ root: root.name, files: notes, sizeBytes, indexStale: index !== 'ready', indexLagSeconds });
    }
    const verification = parts.audit.lastVerification();
    metrics.audit.setVerification({
      intervalSeconds: parts.verifyIntervalHours() * 3600,
      held: verification === undefined ? undefined : verification.outcome === 'whole',
      wholeMs: verification?.wholeMs,
    });
    metrics.setQueueDepth(agent.queueDepth);
    metrics.health.setRunning(agent.activeRuns);
    metrics.health.setSandbox(sandbox.status());
    for (const [name, { state }] of Object.entries(board.components())) metrics.health.setComponent(name, state);
    metrics.machine.setPlaces(parts.places());
    metrics.machine.setTraffic(trafficOf(parts.listeners()));
  });
}

/** Often enough that a queue of some seconds shows in the charts. */
const QUEUE_SAMPLE_MS = 1000;

export function startQueueSamples(agent: AgentService, { minutes }: Metrics): Disposable {
  const timer = setInterval(() => minutes.queue(agent.queueFigures()), QUEUE_SAMPLE_MS).unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

function trafficOf(listeners: Listeners | undefined): Parameters<Metrics['machine']['setTraffic']>[0] {
  return Object.entries(listeners ?? {}).flatMap(([listener, open]) =>
    open === undefined ? [] : [{ listener, ...open.traffic() }],
  );
}
