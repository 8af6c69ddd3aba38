// Turns what the sandbox tells of itself into log lines and metrics.
import type { SecurityLog } from '../audit/security-log.ts';
import type { SandboxEvent } from '../sandbox/create-sandbox.ts';
import type { Events } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';

/** What a block did that ended its process against its will. */
const KILLED: ReadonlySet<string> = new Set(['timeout', 'memory', 'output', 'crash']);

export function observeSandbox(event: SandboxEvent, logger: Logger, events: Events, security: SecurityLog): void {
  switch (event.type) {
    case 'block':
      events.sandboxRunEnded({
        outcome: event.outcome === 'error' ? 'done' : event.outcome,
        durationMs: event.durationMs,
      });
      if (KILLED.has(event.outcome)) security.report({ event: 'sandbox_killed', details: { why: event.outcome } });
      break;
    case 'self-test': {
      const { state, reason, engine, engineReason, walls, kernelWall, systemCalls } = event.status;
      logger[state === 'ok' ? 'info' : 'error'](
        { component: 'sandbox', state, reason, engine, engineReason, walls, kernelWall, systemCalls },
        'sandbox self-test ended',
      );
      break;
    }
    case 'snapshot':
      logger[event.state === 'ready' ? 'info' : 'warn'](
        { component: 'sandbox', state: event.state, reason: event.reason },
        'sandbox snapshot',
      );
      break;
    case 'start-failure':
      events.sandboxNotStarted({ reason: event.reason });
      break;
  }
}
