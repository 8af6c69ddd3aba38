// A router over backends that a test plays: each answers, fails or holds as told, and every decision is recorded.
import { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { ChatBackend, ChatMessage, ChatReply, ChatRequest } from '../../../src/model/chat-backend.ts';
import { ModelError } from '../../../src/model/model-error.ts';
import { createModelRouter } from '../../../src/model/router/model-router.ts';
import type { ModelRouter } from '../../../src/model/router/model-router.ts';
import type { ModelRoute, RouterEvent, RouterOptions } from '../../../src/model/router/router-options.ts';
import type { WorkerControl } from '../../../src/model/worker-control.ts';

export type Answer = string | AppError | ((request: ChatRequest) => Promise<string>);

export interface PlayedBackend extends ChatBackend {
  /** What it does with every request from now on. */
  answer: Answer;
  readonly requests: ChatRequest[];
}

export const down = new AppError('MODEL_UNAVAILABLE', 'connection refused');
export const badKey = new ModelError('backend', 'MODEL_FAILED', 'bad key');
export const tooLong = new ModelError('request', 'MODEL_FAILED', 'context too long');
export const noConsent = new AppError('CONSENT_REQUIRED', 'nobody has agreed');

export function busy(retryAfterS?: number): ModelError {
  return new ModelError('busy', 'MODEL_UNAVAILABLE', 'slow down', retryAfterS === undefined ? {} : { retryAfterS });
}

export function playBackend(name: string, answer: Answer = `from ${name}`): PlayedBackend {
  const requests: ChatRequest[] = [];
  const backend: PlayedBackend = {
    name,
    answer,
    requests,
    async complete(request) {
      requests.push(request);
      const told = backend.answer;
      if (told instanceof AppError) throw told;
      return replyOf(name, typeof told === 'string' ? told : await told(request));
    },
    status: () => ({ state: 'ok', reason: 'played' }),
  };
  return backend;
}

export function replyOf(backend: string, text: string): ChatReply {
  return {
    text,
    finishReason: 'stop',
    inputTokens: 1,
    outputTokens: 1,
    tokensEstimated: false,
    timeToFirstTokenMs: 0,
    durationMs: 0,
    backend,
    model: 'm',
    degraded: false,
  };
}

/** Holds every request until it is let go, or its signal ends it. */
export function createGate(): {
  hold(request: ChatRequest): Promise<string>;
  open(text?: string): void;
  waiting: number;
} {
  const waiting = new Set<(text: string) => void>();
  return {
    hold(request) {
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      waiting.add(resolve);
      request.signal.addEventListener('abort', () => reject(new AppError('CANCELLED', 'aborted')), { once: true });
      return promise;
    },
    open(text = 'let go') {
      for (const resolve of waiting) resolve(text);
      waiting.clear();
    },
    get waiting() {
      return waiting.size;
    },
  };
}

export interface PlayedWorker extends WorkerControl {
  state: 'ready' | 'asleep' | 'loading' | 'ended';
  retryAfterS: number;
  onWake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void>;
  readonly outcomes: string[];
  wakes: number;
  pieces: number;
}

export function playWorker(state: PlayedWorker['state'] = 'ready'): PlayedWorker {
  const worker: PlayedWorker = {
    state,
    retryAfterS: 1,
    outcomes: [],
    wakes: 0,
    pieces: 0,
    async onWake() {
      worker.state = 'ready';
    },
    isReady: () => worker.state === 'ready',
    isAsleep: () => worker.state === 'asleep',
    isComing: () => worker.state === 'loading',
    unavailable: () => ({ reason: `it is ${worker.state}`, retryAfterS: worker.retryAfterS }),
    wake(signal, onProgress) {
      worker.wakes += 1;
      return worker.onWake(signal, onProgress);
    },
    beginRequest: () => ({
      progress: () => {
        worker.pieces += 1;
      },
      end: (outcome) => worker.outcomes.push(outcome),
    }),
  };
  return worker;
}

export function route(backend: ChatBackend, priority = 0, more: Partial<ModelRoute> = {}): ModelRoute {
  return { backend, priority, worker: null, isPaid: false, trust: 'local', ...more };
}

export interface Bench {
  router: ModelRouter;
  events: RouterEvent[];
}

export function openBench(
  routes: readonly ModelRoute[],
  options: Partial<RouterOptions> = {},
  builtin: ChatBackend | null = null,
): Bench {
  const events: RouterEvent[] = [];
  const router = createModelRouter({
    routes,
    builtin,
    clock: systemClock,
    options: { retryPauseMs: 1, waitForWorkerMs: 2000, ...options },
    onEvent: (event) => events.push(event),
  });
  return { router, events };
}

export const QUESTION: readonly ChatMessage[] = [
  { role: 'system', content: 'You keep notes.' },
  { role: 'user', content: 'Where do I live?' },
];

export function ask(more: Partial<ChatRequest> = {}): ChatRequest {
  return {
    runId: 'run',
    messages: QUESTION,
    maxOutputTokens: 10,
    signal: new AbortController().signal,
    isComplete: () => false,
    ...more,
  };
}

/** `a>b unavailable` for each hop. */
export function hops(events: readonly RouterEvent[]): string[] {
  return events.flatMap((event) => (event.kind === 'failed-over' ? [`${event.from}>${event.to} ${event.reason}`] : []));
}
