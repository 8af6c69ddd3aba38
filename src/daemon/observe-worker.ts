// Turns what a supervised worker tells of itself, and what its engine writes, into log lines.
import type { Logger } from '../telemetry/logger.ts';
import type { WorkerEvent } from '../worker/worker-event.ts';
import type { WorkerLogLine } from '../worker/worker.ts';

export function observeWorker(event: WorkerEvent, logger: Logger): void {
  const { kind, worker } = event;
  const log = logger.child({ component: 'worker', worker });
  switch (kind) {
    case 'state': {
      const { from, to, reason } = event;
      // Each request moves it between these two.
      const isBusyness = (from === 'ready' && to === 'busy') || (from === 'busy' && to === 'ready');
      const level = isBusyness ? 'debug' : to === 'failed' || to === 'crash_loop' ? 'error' : 'info';
      log[level]({ from, to, reason }, 'worker state');
      break;
    }
    case 'crashed':
    case 'stalled': {
      const { failure } = event;
      log.error(
        { failure: failure.kind, reason: failure.reason, logTail: failure.logTail },
        kind === 'crashed' ? 'worker crashed' : 'worker stalled',
      );
      break;
    }
    case 'restart':
      log.warn({ delayMs: event.delayMs, restarts: event.restarts, reason: event.reason }, 'worker will be restarted');
      break;
    case 'crash_loop':
      log.error({ trialMs: event.trialMs, reason: event.reason }, 'worker is in a crash loop');
      break;
    case 'recovered':
      log.info({ downMs: event.downMs }, 'worker recovered');
      break;
    case 'started':
      log.info({ durationMs: event.durationMs }, 'worker ready');
      break;
    case 'canary':
      log[event.ok ? 'debug' : 'warn']({ durationMs: event.durationMs, detail: event.detail }, 'worker canary');
      break;
    case 'swept':
      log.warn({ processes: event.processes }, 'processes of an earlier worker were ended');
      break;
  }
}

/** A line of the engine, at the level it has there. */
export function passOnWorkerLine(worker: string, line: WorkerLogLine, logger: Logger): void {
  const { level, source, stream, text } = line;
  logger[level]({ component: 'worker', worker, source, stream }, text);
}
