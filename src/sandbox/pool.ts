// Ready processes in stock, a ceiling on how many runs have one, and a fair queue for the rest.
// Guarantee: a process is handed out once and never used again; the stock fills up in the background.
import { AppError } from '../lib/app-error.ts';
import type { GuestProcess } from './guest-process.ts';

export interface PoolOptions {
  standby: number;
  maxProcesses: number;
  createProcess(): GuestProcess;
  /** A process that could not become ready; the pool goes on and says so. */
  onStartFailure(error: unknown): void;
}

/** Waits between two starts after one failed, so that a broken machine is not kept busy. */
const RETRY_DELAY_MS = 5000;

export class Pool implements AsyncDisposable {
  readonly #options: PoolOptions;
  readonly #stock: GuestProcess[] = [];
  readonly #handedOut = new Set<GuestProcess>();
  readonly #waiting: { resume(): void }[] = [];
  #slotsTaken = 0;
  #filling = false;
  #disposed = false;
  #retryTimer: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  get standby(): number {
    return this.#stock.length;
  }

  get active(): number {
    return this.#slotsTaken;
  }

  /** Waits for one of the `maxProcesses` places. */
  async takeSlot(signal: AbortSignal): Promise<void> {
    if (this.#disposed) throw closed();
    if (signal.aborted) throw cancelled();
    if (this.#slotsTaken < this.#options.maxProcesses) {
      this.#slotsTaken += 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { resume: resolve };
    const onAbort = (): void => {
      const index = this.#waiting.indexOf(waiter);
      if (index !== -1) this.#waiting.splice(index, 1);
      reject(cancelled());
    };
    this.#waiting.push(waiter);
    signal.addEventListener('abort', onAbort, { once: true });
    await promise;
    signal.removeEventListener('abort', onAbort);
    if (this.#disposed) throw closed();
  }

  releaseSlot(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#slotsTaken -= 1;
    else next.resume();
  }

  /** A ready process, from stock or started now. The caller ends it with `discard`. */
  async takeProcess(): Promise<GuestProcess> {
    for (let candidate = this.#stock.shift(); candidate !== undefined; candidate = this.#stock.shift()) {
      if (candidate.dead) continue;
      this.#handedOut.add(candidate);
      this.fill();
      return candidate;
    }
    if (this.#disposed) throw closed();
    const fresh = this.#options.createProcess();
    this.#handedOut.add(fresh);
    try {
      await fresh.ready;
    } catch (error) {
      this.#handedOut.delete(fresh);
      throw error;
    }
    this.fill();
    return fresh;
  }

  async discard(process: GuestProcess): Promise<void> {
    await process.kill();
    this.#handedOut.delete(process);
  }

  /** Starts one process after another until the stock is full. */
  fill(): void {
    if (this.#filling || this.#disposed || this.#retryTimer !== null) return;
    this.#filling = true;
    void this.#fillUp().finally(() => {
      this.#filling = false;
    });
  }

  async #fillUp(): Promise<void> {
    while (!this.#disposed && this.#stock.length < this.#options.standby) {
      const process = this.#options.createProcess();
      this.#handedOut.add(process);
      try {
        await process.ready;
        this.#stock.push(process);
      } catch (error) {
        if (!this.#disposed) {
          this.#options.onStartFailure(error);
          this.#retryTimer = setTimeout(() => {
            this.#retryTimer = null;
            this.fill();
          }, RETRY_DELAY_MS);
          this.#retryTimer.unref();
        }
        return;
      } finally {
        this.#handedOut.delete(process);
      }
      // It may have been disposed of while it started.
      if (this.#disposed) await process.kill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    for (const waiter of this.#waiting.splice(0)) waiter.resume();
    await Promise.all([...this.#stock.splice(0), ...this.#handedOut].map((process) => process.kill()));
  }
}

function cancelled(): AppError {
  return new AppError('CANCELLED', 'The run was cancelled while it waited for a sandbox process');
}

function closed(): AppError {
  return new AppError('SANDBOX_UNAVAILABLE', 'The sandbox is shutting down');
}
