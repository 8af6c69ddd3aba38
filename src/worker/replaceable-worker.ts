// A worker whose options can change while the daemon runs: the old one ends, then one with the new options starts.
// Guarantees: never two at once; whoever holds it, or follows its log, needs to know nothing of the change.
import type { WorkerOptions } from './worker-options.ts';
import type { Worker, WorkerLogLine, WorkerProbe, WorkerStatus } from './worker.ts';

export class ReplaceableWorker implements Worker {
  readonly name: string;
  readonly #open: (options: WorkerOptions) => Worker;
  readonly #followers = new Map<(line: WorkerLogLine) => void, () => void>();
  #current: Worker;
  #change: Promise<void> = Promise.resolve();
  #isStarted = false;
  #isClosed = false;

  constructor(options: WorkerOptions, open: (options: WorkerOptions) => Worker) {
    this.name = options.name;
    this.#open = open;
    this.#current = open(options);
  }

  /** Changes come one after another; resolves when the new one is being started. */
  replace(options: WorkerOptions): Promise<void> {
    const change = this.#change.then(() => this.#replace(options));
    // A failed change must not block the next one; its caller has the error.
    this.#change = change.catch(() => undefined);
    return change;
  }

  async #replace(options: WorkerOptions): Promise<void> {
    if (this.#isClosed) return;
    for (const unfollow of this.#followers.values()) unfollow();
    await this.#current[Symbol.asyncDispose]();
    this.#current = this.#open(options);
    for (const follower of this.#followers.keys()) this.#followers.set(follower, this.#current.followLogs(follower));
    if (this.#isStarted) this.#current.start();
  }

  start(): void {
    this.#isStarted = true;
    this.#current.start();
  }

  followLogs(onLine: (line: WorkerLogLine) => void): () => void {
    // Each call is a follower of its own, also with the same function.
    const follower = (line: WorkerLogLine): void => onLine(line);
    this.#followers.set(follower, this.#current.followLogs(follower));
    return () => {
      this.#followers.get(follower)?.();
      this.#followers.delete(follower);
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#change;
    await this.#current[Symbol.asyncDispose]();
  }

  status(): WorkerStatus {
    return this.#current.status();
  }

  startNow(): Promise<void> {
    return this.#current.startNow();
  }

  stopNow(): Promise<void> {
    return this.#current.stopNow();
  }

  restartNow(): Promise<void> {
    return this.#current.restartNow();
  }

  probe(): Promise<WorkerProbe> {
    return this.#current.probe();
  }

  logs(limit: number): Promise<readonly WorkerLogLine[]> {
    return this.#current.logs(limit);
  }

  engineMetrics(): string {
    return this.#current.engineMetrics();
  }

  isReady(): boolean {
    return this.#current.isReady();
  }

  isAsleep(): boolean {
    return this.#current.isAsleep();
  }

  isComing(): boolean {
    return this.#current.isComing();
  }

  unavailable(): { reason: string; retryAfterS: number } {
    return this.#current.unavailable();
  }

  wake(signal: AbortSignal, onProgress: (message: string) => void): Promise<void> {
    return this.#current.wake(signal, onProgress);
  }

  beginRequest(): ReturnType<Worker['beginRequest']> {
    return this.#current.beginRequest();
  }
}
