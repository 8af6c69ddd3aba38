// Metrics of the model workers, their GPUs, the routes to the models and what leaves the machine.
// Guarantee: label values come from the configuration or from closed lists, never from a model or a question.
import { createBoundedLabel } from './bounded-label.ts';
import { beginAtZero, type MetricFactory } from './metric-factory.ts';

/** Words of others that this level cannot import; one that is missing here only begins later. */
const RESTART_REASONS = ['crash', 'stall', 'load', 'canary', 'spawn'];
const FALLBACK_REASONS = ['not_ready', 'busy', 'breaker_open', 'unavailable', 'failed', 'protocol', 'refused'];
const REFUSAL_REASONS = ['consent_required', 'budget_exceeded', 'privacy_refused', 'audit_unavailable'];
const START_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

export interface WorkerFigures {
  worker: string;
  state: string;
  requestsRunning: number;
  /** Seconds since the epoch; null: not yet. */
  lastProgressS: number | null;
  lastCanaryS: number | null;
  gpus: readonly {
    index: number;
    memoryUsedBytes: number;
    memoryTotalBytes: number;
    utilisationRatio: number;
    temperatureCelsius: number | null;
  }[];
}

export interface WorkerMetrics {
  /** The state of one worker as it is now; `states` are all there are. */
  setWorker(figures: WorkerFigures, states: readonly string[]): void;
  workerRestarted(restart: { worker: string; reason: string }): void;
  workerStarted(start: { worker: string; durationSeconds: number }): void;
  setBackend(backend: { backend: string; isUp: boolean; outstanding: number }): void;
  fallback(reason: string): void;
  fallbackRefused(reason: string): void;
  redaction(redaction: { stage: string; kind: string }): void;
  modelCost(cost: { backend: string; costUsd: number }): void;
  setCloudCredit(remainingUsd: number): void;
}

export function createWorkerMetrics({ counter, gauge, histogram }: MetricFactory): WorkerMetrics {
  const state = gauge('worker_state', '1 for the state a worker is in', ['worker', 'state']);
  const restarts = counter('worker_restarts_total', 'Times a worker was started again', ['worker', 'reason']);
  const startSeconds = histogram('worker_start_seconds', 'From the start of a worker to ready', START_SECONDS, [
    'worker',
  ]);
  const running = gauge('worker_requests_running', 'Requests a worker is answering for us', ['worker']);
  const lastProgress = gauge('worker_last_progress_timestamp_seconds', 'When a worker last made progress', ['worker']);
  const lastCanary = gauge('worker_canary_success_timestamp_seconds', 'When an idle worker last gave its token', [
    'worker',
  ]);
  const gpuMemory = gauge('worker_gpu_memory_bytes', 'Memory of a GPU in use', ['worker', 'gpu']);
  const gpuMemoryTotal = gauge('worker_gpu_memory_total_bytes', 'Memory of a GPU', ['worker', 'gpu']);
  const gpuUtilisation = gauge('worker_gpu_utilisation_ratio', 'How busy a GPU is, 0 to 1', ['worker', 'gpu']);
  const gpuTemperature = gauge('worker_gpu_temperature_celsius', 'Temperature of a GPU', ['worker', 'gpu']);
  const backendUp = gauge('model_backend_up', '1 while questions are sent to a backend', ['backend']);
  const outstanding = gauge('model_requests_running', 'Requests a backend is answering', ['backend']);
  const fallbacks = counter('fallback_total', 'Turns that another backend than the first answered', ['reason']);
  const refused = counter('fallback_refused_total', 'Turns that were refused rather than sent to a cloud', ['reason']);
  const redactions = counter('redactions_total', 'Secrets withheld from what left the machine', ['stage', 'kind']);
  const cost = counter('model_cost_usd_total', 'Money spent on paid backends', ['backend']);
  const credit = gauge('cloud_credit_remaining_usd', 'What the cloud account has left, as it says itself');
  const boundReason = createBoundedLabel(64);
  beginAtZero(fallbacks, 'reason', FALLBACK_REASONS);
  beginAtZero(refused, 'reason', REFUSAL_REASONS);
  const seenWorkers = new Set<string>();

  return {
    setWorker(figures, states) {
      const { worker } = figures;
      if (!seenWorkers.has(worker)) beginAtZero(restarts, 'reason', RESTART_REASONS, { worker });
      seenWorkers.add(worker);
      for (const name of states) state.set({ worker, state: name }, name === figures.state ? 1 : 0);
      running.set({ worker }, figures.requestsRunning);
      if (figures.lastProgressS !== null) lastProgress.set({ worker }, figures.lastProgressS);
      if (figures.lastCanaryS !== null) lastCanary.set({ worker }, figures.lastCanaryS);
      for (const { index, ...gpu } of figures.gpus) {
        const labels = { worker, gpu: String(index) };
        gpuMemory.set(labels, gpu.memoryUsedBytes);
        gpuMemoryTotal.set(labels, gpu.memoryTotalBytes);
        gpuUtilisation.set(labels, gpu.utilisationRatio);
        if (gpu.temperatureCelsius !== null) gpuTemperature.set(labels, gpu.temperatureCelsius);
      }
    },
    workerRestarted: ({ worker, reason }) => restarts.inc({ worker, reason: boundReason(reason) }),
    workerStarted: ({ worker, durationSeconds }) => startSeconds.observe({ worker }, durationSeconds),
    setBackend({ backend, isUp, outstanding: requests }) {
      backendUp.set({ backend }, isUp ? 1 : 0);
      outstanding.set({ backend }, requests);
    },
    fallback: (reason) => fallbacks.inc({ reason: boundReason(reason) }),
    fallbackRefused: (reason) => refused.inc({ reason: boundReason(reason) }),
    redaction: ({ stage, kind }) => redactions.inc({ stage: boundReason(stage), kind: boundReason(kind) }),
    modelCost: ({ backend, costUsd }) => cost.inc({ backend: boundReason(backend) }, Math.max(0, costUsd)),
    setCloudCredit: (remainingUsd) => credit.set(remainingUsd),
  };
}
