// Looks at a worker and says what has changed, so that the other side of the socket can answer from what it was told.
// Guarantees: readiness and state are told at the next look; what only moves (retry time, progress, load of a GPU) once a second.
import { MAX_TEXT_CHARS, type ServerMessage, type StatusMessage } from './worker-protocol.ts';
import type { Worker, WorkerFailure } from './worker.ts';

const MOVING_MS = 1000;
const METRICS_MS = 5000;

export interface StatusFeed {
  /** Everything, for somebody new; the status last. */
  all(): ServerMessage[];
  /** What has changed since the last look. */
  look(): ServerMessage[];
}

export function createStatusFeed(worker: Worker): StatusFeed {
  let shownState = '';
  let shownAll = '';
  let shownAtMs = 0;
  let metricsAtMs = 0;
  let shownMetrics: string | undefined;
  let shownFailure: WorkerFailure | null | undefined;

  const statusMessage = (): StatusMessage => {
    const { lastFailure: _failure, ...status } = worker.status();
    return {
      type: 'status',
      status,
      isReady: worker.isReady(),
      isAsleep: worker.isAsleep(),
      unavailable: worker.unavailable(),
    };
  };

  return {
    all: () => [
      failureMessage(worker.status().lastFailure),
      { type: 'metrics', text: cut(worker.engineMetrics()) },
      statusMessage(),
    ],
    look() {
      const nowMs = performance.now();
      const messages: ServerMessage[] = [];
      const failure = worker.status().lastFailure;
      if (failure?.atIso !== shownFailure?.atIso || shownFailure === undefined) {
        shownFailure = failure;
        messages.push(failureMessage(failure));
      }
      if (nowMs - metricsAtMs >= METRICS_MS) {
        metricsAtMs = nowMs;
        const text = worker.engineMetrics();
        if (text !== shownMetrics) messages.push({ type: 'metrics', text: cut(text) });
        shownMetrics = text;
      }
      const message = statusMessage();
      const state = stateOf(message);
      if (state === shownState && nowMs - shownAtMs < MOVING_MS) return messages;
      const whole = JSON.stringify(message);
      if (whole !== shownAll) messages.push(message);
      [shownState, shownAll, shownAtMs] = [state, whole, nowMs];
      return messages;
    },
  };
}

/** What somebody decides by. */
function stateOf({ status, isReady, isAsleep }: StatusMessage): string {
  const { state, reason, pid, baseUrl, lease, restarts } = status;
  return JSON.stringify([isReady, isAsleep, state, reason, pid, baseUrl, lease, restarts]);
}

function failureMessage(failure: WorkerFailure | null): ServerMessage {
  return { type: 'failure', failure: failure && { ...failure, metrics: cut(failure.metrics) } };
}

/** At the end of a line: half a line is no metric. */
function cut(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : text.slice(0, text.lastIndexOf('\n', MAX_TEXT_CHARS) + 1);
}
