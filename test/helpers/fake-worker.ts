// A `Worker` in memory, for tests of everything that talks to one: its state is set by the test, what it is told is kept.
import { AppError } from '../../src/lib/app-error.ts';
import type { Worker, WorkerLogLine, WorkerProbe, WorkerState, WorkerStatus } from '../../src/worker/worker.ts';

export interface FakeWorker extends Worker {
  /** What it was told, in order: `start`, `stopNow`, `begin`, `progress`, `end ok`, `wake`, … */
  readonly calls: string[];
  set(change: Partial<WorkerStatus>): void;
  say(text: string): void;
  /** How many follow its logs. */
  readonly followers: number;
  /** `wake` stays open until this is called. */
  finishWake(): void;
  /** The next operator's wish fails with it. */
  failNext(error: AppError): void;
  metricsText: string;
}

export function createFakeWorker(name = 'worker'): FakeWorker {
  const calls: string[] = [];
  const lines: WorkerLogLine[] = [];
  const followers = new Set<(line: WorkerLogLine) => void>();
  let wakes: PromiseWithResolvers<void>[] = [];
  let failure: AppError | undefined;
  let status: WorkerStatus = {
    name,
    profile: 'vllm',
    state: 'ready',
    reason: 'answers',
    sinceIso: '2026-01-01T00:00:00.000Z',
    pid: 4711,
    baseUrl: 'http://127.0.0.1:8000/v1',
    servedModel: 'mem-agent',
    lease: null,
    isAsleep: false,
    requestsRunning: 0,
    restarts: 0,
    retryInMs: null,
    lastProgressIso: null,
    lastCanaryIso: null,
    lastFailure: null,
    gpus: [],
  };
  const wish = async (call: string, state: WorkerState): Promise<void> => {
    calls.push(call);
    const error = failure;
    failure = undefined;
    if (error !== undefined) throw error;
    worker.set({ state });
  };
  const worker: FakeWorker = {
    name,
    calls,
    metricsText: '# HELP engine_up\nengine_up 1\n',
    get followers() {
      return followers.size;
    },
    set: (change) => void (status = { ...status, ...change }),
    say(text) {
      const line: WorkerLogLine = {
        seq: lines.length + 1,
        timeIso: '2026-01-01T00:00:00.000Z',
        stream: 'stdout',
        level: 'info',
        source: 'engine',
        text,
      };
      lines.push(line);
      for (const follower of followers) follower(line);
    },
    finishWake() {
      for (const open of wakes) open.resolve();
      wakes = [];
    },
    failNext: (error) => void (failure = error),
    status: () => status,
    start: () => void calls.push('start'),
    startNow: () => wish('startNow', 'starting'),
    stopNow: () => wish('stopNow', 'stopped'),
    restartNow: () => wish('restartNow', 'starting'),
    async probe(): Promise<WorkerProbe> {
      calls.push('probe');
      return { ok: true, steps: [{ step: 'health', ok: true, durationMs: 1, detail: 'HTTP 200' }] };
    },
    logs: async (limit) => (limit === 0 ? [] : lines.slice(-limit)),
    followLogs(onLine) {
      followers.add(onLine);
      return () => void followers.delete(onLine);
    },
    engineMetrics: () => worker.metricsText,
    isReady: () => status.state === 'ready' || status.state === 'busy',
    isAsleep: () => status.isAsleep,
    isComing: () => status.state === 'starting' || status.state === 'loading',
    unavailable: () => ({ reason: status.reason, retryAfterS: 7 }),
    async wake(signal, onProgress) {
      calls.push('wake');
      const open = Promise.withResolvers<void>();
      wakes.push(open);
      signal.addEventListener('abort', () => {
        calls.push('wake cancelled');
        open.reject(new AppError('CANCELLED', 'The wait was cancelled'));
      });
      onProgress('loading the model');
      await open.promise;
      worker.set({ isAsleep: false });
    },
    beginRequest() {
      calls.push('begin');
      worker.set({ requestsRunning: status.requestsRunning + 1, state: 'busy' });
      return {
        progress: () => void calls.push('progress'),
        end(outcome) {
          calls.push(`end ${outcome}`);
          const running = status.requestsRunning - 1;
          worker.set({ requestsRunning: running, state: running === 0 ? 'ready' : 'busy' });
        },
      };
    },
    async [Symbol.asyncDispose]() {
      calls.push('dispose');
    },
  };
  return worker;
}
