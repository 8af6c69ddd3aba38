// What the supervisor of a model worker tells, as metrics, and what it knows at each scrape.
import type { Metrics } from '../telemetry/metrics-registry.ts';
import { relabelEngineMetrics } from '../worker/engine-metrics.ts';
import type { WorkerEvent } from '../worker/worker-event.ts';
import { WORKER_STATES, type Worker } from '../worker/worker.ts';

export function measureWorker(event: WorkerEvent, { workers }: Metrics): void {
  const { worker } = event;
  if (event.kind === 'restart') workers.workerRestarted({ worker, reason: event.reason });
  if (event.kind === 'started') workers.workerStarted({ worker, durationSeconds: event.durationMs / 1000 });
}

/** Before every scrape: what the worker knows of itself, and its engine's own metrics behind ours. */
export function collectWorker(worker: Worker, metrics: Metrics): void {
  metrics.onCollect(() => {
    const { name, state, requestsRunning, lastProgressIso, lastCanaryIso, gpus } = worker.status();
    metrics.workers.setWorker(
      {
        worker: name,
        state,
        requestsRunning,
        lastProgressS: secondsOf(lastProgressIso),
        lastCanaryS: secondsOf(lastCanaryIso),
        gpus,
      },
      WORKER_STATES,
    );
  });
  metrics.passOn(() => relabelEngineMetrics(worker.engineMetrics(), worker.name));
}

function secondsOf(iso: string | null): number | null {
  return iso === null ? null : Date.parse(iso) / 1000;
}
