// What a backend needs of the process behind it: whether it can answer, to be woken, and to say that an answer makes progress.
// `worker/` satisfies it; a server that nobody supervises has none.

export interface WorkerControl {
  /** False while it is loading, stalled, backing off or ended; asking it then would only wait. */
  isReady(): boolean;
  /** True when it was unloaded for want of questions: `wake` brings it back. */
  isAsleep(): boolean;
  /** True while it is being started or loaded: worth a moment's wait even for who has a substitute. */
  isComing(): boolean;
  /** Why it can't answer, and when it may; for messages and `Retry-After`. */
  unavailable(): { reason: string; retryAfterS: number };
  /** Resolves when it can answer. Throws MODEL_UNAVAILABLE or CANCELLED. */
  wake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void>;
  /** Brackets one request, so that liveness is judged by progress and an idle worker by a canary. */
  beginRequest(): WorkerRequest;
}

export interface WorkerRequest {
  /** A piece of the answer has arrived. */
  progress(): void;
  /** Called exactly once. `failed` says that the worker, not the caller, broke it off. */
  end(outcome: 'ok' | 'failed' | 'cancelled'): void;
}
