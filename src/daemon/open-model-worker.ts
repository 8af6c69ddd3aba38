// The model worker of this daemon: supervised here, or watched over the socket of the process that supervises it.
import type { Config } from '../config/config.ts';
import { toAppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { redactSecrets } from '../telemetry/redact-secrets.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import { connectWorker } from '../worker/connect-worker.ts';
import { openWorker } from '../worker/open-worker.ts';
import { ReplaceableWorker } from '../worker/replaceable-worker.ts';
import { sweepLeftWorker } from '../worker/sweep-worker.ts';
import type { WorkerEvent } from '../worker/worker-event.ts';
import type { Worker } from '../worker/worker.ts';
import { collectWorker, measureWorker } from './measure-worker.ts';
import { observeWorker, passOnWorkerLine } from './observe-worker.ts';
import type { Heart } from './service-report.ts';
import { createWorkerHeart } from './worker-heart.ts';
import { WORKER_NAME, workerOptionsOf } from './worker-options-of.ts';

export interface ModelWorker extends AsyncDisposable {
  /** null when none is configured. */
  readonly worker: Worker | null;
  /** Of a supervisor in this process. */
  readonly heart: Heart | null;
  /** Takes over changed options in the background; the same options change nothing. */
  reload(next: Config): void;
}

const LEFT_WORKER_GRACE_MS = 10_000;

/** A daemon that was killed and then told to have no worker any more leaves one behind. */
function endLeftWorker({ runtime }: Config, logger: Logger): void {
  sweepLeftWorker({ runtimeDirectory: runtime.dir, name: WORKER_NAME, graceMs: LEFT_WORKER_GRACE_MS }).then(
    (swept) => {
      if (swept !== null) logger.warn({ component: 'worker', processes: swept.processes }, 'a left worker was ended');
    },
    (error: unknown) => {
      const { code, userMessage } = toAppError(error);
      logger.error({ component: 'worker', code, reason: userMessage }, 'a left worker was not ended');
    },
  );
}

export function openModelWorker(
  config: Config,
  { clock, logger, metrics }: { clock: Clock; logger: Logger; metrics: Metrics },
): ModelWorker {
  const options = workerOptionsOf(config);
  if (options === null) {
    endLeftWorker(config, logger);
    return { worker: null, heart: null, reload: () => undefined, [Symbol.asyncDispose]: async () => undefined };
  }
  const onEvent = (event: WorkerEvent): void => {
    observeWorker(event, logger);
    measureWorker(event, metrics);
  };
  if (config.worker.supervisor === 'process') {
    const worker = connectWorker({
      name: options.name,
      profile: options.profile,
      socketPath: config.worker.socket,
      clock,
      onEvent,
      onLink: (event) =>
        logger[event.type === 'worker.lost' ? 'warn' : 'info']({ component: 'worker', ...event }, 'worker process'),
    });
    collectWorker(worker, metrics);
    return { worker, heart: null, reload: () => undefined, [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose]() };
  }
  let current = options;
  const worker = new ReplaceableWorker(options, (own) =>
    openWorker(own, {
      clock,
      onEvent,
      redact: redactSecrets,
      onLogLine: (line) => passOnWorkerLine(own.name, line, logger),
    }),
  );
  collectWorker(worker, metrics);
  return {
    worker,
    heart: createWorkerHeart(worker, () => current, clock),
    reload(nextConfig) {
      const next = workerOptionsOf(nextConfig);
      if (next === null || JSON.stringify(next) === JSON.stringify(current)) return;
      current = next;
      // Ending a model that answers takes a while; whoever reloads does not wait for it.
      worker.replace(next).catch((error: unknown) => {
        const { code, userMessage } = toAppError(error);
        logger.error({ component: 'worker', code, reason: userMessage }, 'the worker was not replaced');
      });
    },
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}
