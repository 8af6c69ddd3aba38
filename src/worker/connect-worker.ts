// A worker that runs in a process of its own, seen from a daemon: the same interface, answered from what it last said.
// Guarantees: looks for the process for ever, with back-off; asking if it is ready costs no round trip; ending this never ends
// the worker, and a daemon that comes back attaches to the model as it is loaded.
import { z } from 'zod';
import { AppError, type ErrorCode } from '../lib/app-error.ts';
import { createBackoff } from '../lib/backoff.ts';
import type { Clock } from '../lib/clock.ts';
import type { WorkerEvent } from './worker-event.ts';
import { openWorkerLink, type CallWait, type WorkerLink } from './worker-link.ts';
import type { CallMethod, StatusMessage } from './worker-protocol.ts';
import { workerLogLineSchema, workerProbeSchema } from './worker-schemas.ts';
import type { Worker, WorkerFailure, WorkerLogLine, WorkerProbe, WorkerState, WorkerStatus } from './worker.ts';

export type WorkerLinkEvent =
  | { type: 'worker.attached'; state: WorkerState; pid: number | null }
  | { type: 'worker.lost'; reason: string };

export interface ConnectWorkerOptions {
  name: string;
  socketPath: string;
  clock: Clock;
  /** Shown until the process says it. */
  profile?: string;
  /** What the supervisor tells, as if it were in this process; nothing while nobody is attached. */
  onEvent?(event: WorkerEvent): void;
  onLink?(event: WorkerLinkEvent): void;
}

const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 2000;
const RETRY_AFTER_S = 5;
/** Pieces of an answer come by the thousand; that there were any is news this often. */
const PROGRESS_MS = 100;
const nothing = z.null();

export function connectWorker(options: ConnectWorkerOptions): Worker {
  return new RemoteWorker(options);
}

class RemoteWorker implements Worker {
  readonly name: string;
  readonly #options: ConnectWorkerOptions;
  readonly #backoff = createBackoff({ firstMs: RETRY_FIRST_MS, maxMs: RETRY_MAX_MS });
  readonly #followers = new Set<(line: WorkerLogLine) => void>();
  /** Open requests by id; begun again with a process that comes back. */
  readonly #requests = new Set<number>();
  readonly #progressed = new Set<number>();
  #lastRequest = 0;
  #progressTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #link: WorkerLink | undefined;
  /** True from the first status of a link to its end. */
  #isAttached = false;
  #isClosed = false;
  #down: { state: WorkerState; reason: string; sinceIso: string };
  #told: StatusMessage | undefined;
  #failure: WorkerFailure | null = null;
  #metrics = '';

  constructor(options: ConnectWorkerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#down = this.#downNow('stopped', 'not looked for yet');
  }

  start(): void {
    if (this.#link !== undefined || this.#isClosed) return;
    this.#down = this.#downNow('starting', `looking for the worker process on ${this.#options.socketPath}`);
    this.#connect();
  }

  #connect(): void {
    let attachedAtMs = Infinity;
    this.#link = openWorkerLink({
      socketPath: this.#options.socketPath,
      onStatus: (message) => {
        this.#told = message;
        if (this.#isAttached || this.#isClosed) return;
        attachedAtMs = this.#options.clock.monotonicMs();
        this.#attach(message);
      },
      onFailure: (failure) => void (this.#failure = failure),
      onMetrics: (text) => void (this.#metrics = text),
      onEvent: (event) => this.#options.onEvent?.(event),
      onLog: (line) => this.#followers.forEach((follower) => follower(line)),
      onClose: (reason) => {
        // A process that drops us at once must not be asked ten times a second.
        if (this.#options.clock.monotonicMs() - attachedAtMs > RETRY_MAX_MS) this.#backoff.reset();
        this.#detach(reason);
      },
    });
  }

  #attach({ status }: StatusMessage): void {
    this.#isAttached = true;
    for (const id of this.#requests) this.#link?.notify({ type: 'begin', id });
    if (this.#followers.size > 0) this.#link?.notify({ type: 'follow', on: true });
    this.#options.onLink?.({ type: 'worker.attached', state: status.state, pid: status.pid });
  }

  #detach(reason: string): void {
    if (this.#isClosed) return;
    const isNews = this.#isAttached || this.#down.state !== 'failed' || this.#down.reason !== reason;
    this.#isAttached = false;
    this.#metrics = '';
    if (isNews) {
      this.#down = this.#downNow('failed', reason);
      this.#options.onLink?.({ type: 'worker.lost', reason });
    }
    this.#retryTimer = setTimeout(() => this.#connect(), this.#backoff.nextMs());
  }

  #downNow(state: WorkerState, reason: string): { state: WorkerState; reason: string; sinceIso: string } {
    return { state, reason, sinceIso: new Date(this.#options.clock.nowMs()).toISOString() };
  }

  status(): WorkerStatus {
    if (this.#isAttached && this.#told !== undefined) return { ...this.#told.status, lastFailure: this.#failure };
    const { profile = '', socketPath } = this.#options;
    return {
      name: this.name,
      profile,
      baseUrl: null,
      servedModel: '',
      restarts: 0,
      lastProgressIso: null,
      lastCanaryIso: null,
      ...this.#told?.status,
      // Nobody says how the engine is, if it still is.
      pid: null,
      lease: null,
      isAsleep: false,
      requestsRunning: 0,
      retryInMs: null,
      gpus: [],
      lastFailure: this.#failure,
      ...this.#down,
      ...(this.#isClosed && { state: 'stopped', reason: `no longer connected to ${socketPath}` }),
    };
  }

  isReady(): boolean {
    return this.#isAttached && this.#told?.isReady === true;
  }

  isAsleep(): boolean {
    return this.#isAttached && this.#told?.isAsleep === true;
  }

  isComing(): boolean {
    if (!this.#isAttached || this.#told === undefined) return false;
    const { state } = this.#told.status;
    return state === 'starting' || state === 'loading';
  }

  unavailable(): { reason: string; retryAfterS: number } {
    if (this.#isAttached && this.#told !== undefined) return this.#told.unavailable;
    return { reason: this.#down.reason, retryAfterS: RETRY_AFTER_S };
  }

  engineMetrics(): string {
    return this.#metrics;
  }

  async startNow(): Promise<void> {
    await this.#call('startNow', nothing);
  }

  async stopNow(): Promise<void> {
    await this.#call('stopNow', nothing);
  }

  async restartNow(): Promise<void> {
    await this.#call('restartNow', nothing);
  }

  probe(): Promise<WorkerProbe> {
    return this.#call('probe', workerProbeSchema);
  }

  async logs(limit: number): Promise<readonly WorkerLogLine[]> {
    return this.#attached('WORKER_FAILED').logs(limit, z.array(workerLogLineSchema));
  }

  async wake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void> {
    const link = this.#attached('MODEL_UNAVAILABLE');
    try {
      await link.call('wake', nothing, { signal, onProgress });
    } catch (error) {
      // Whoever waits for a model hears of the model, not of the socket in between.
      throw this.#isAttached ? error : this.#unavailableError('MODEL_UNAVAILABLE', error);
    }
  }

  followLogs(onLine: (line: WorkerLogLine) => void): () => void {
    // Each call is a follower of its own, also with the same function.
    const follower = (line: WorkerLogLine): void => onLine(line);
    this.#followers.add(follower);
    if (this.#followers.size === 1) this.#notify({ type: 'follow', on: true });
    return () => {
      if (this.#followers.delete(follower) && this.#followers.size === 0) this.#notify({ type: 'follow', on: false });
    };
  }

  beginRequest(): ReturnType<Worker['beginRequest']> {
    const id = ++this.#lastRequest;
    this.#requests.add(id);
    this.#notify({ type: 'begin', id });
    return {
      progress: () => {
        this.#progressed.add(id);
        this.#progressTimer ??= setTimeout(() => this.#tellProgress(), PROGRESS_MS);
      },
      end: (outcome) => {
        this.#requests.delete(id);
        this.#progressed.delete(id);
        this.#notify({ type: 'end', id, outcome });
      },
    };
  }

  #tellProgress(): void {
    this.#progressTimer = undefined;
    if (this.#progressed.size > 0) this.#notify({ type: 'progress', ids: [...this.#progressed] });
    this.#progressed.clear();
  }

  #notify(message: Parameters<WorkerLink['notify']>[0]): void {
    if (this.#isAttached) this.#link?.notify(message);
  }

  async #call<T>(method: CallMethod, value: z.ZodType<T>, wait?: CallWait): Promise<T> {
    return this.#attached('WORKER_FAILED').call(method, value, wait);
  }

  #attached(code: ErrorCode): WorkerLink {
    if (this.#isAttached && this.#link !== undefined) return this.#link;
    throw this.#unavailableError(code);
  }

  #unavailableError(code: ErrorCode, cause?: unknown): AppError {
    const { reason, retryAfterS } = this.unavailable();
    const hint = 'Start it: mem-agent worker serve';
    return new AppError(code, reason, { hint, retryAfterS, ...(cause === undefined ? {} : { cause }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#isAttached = false;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#progressTimer);
    this.#link?.close();
  }
}
