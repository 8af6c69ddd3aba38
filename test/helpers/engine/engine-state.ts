// One running test engine: its models, script, faults, what came in, and the steps that its core makes.
// Guarantee: while it hangs no step is made and no figure moves, whatever HTTP still answers.
import { setImmediate as nextTick, setTimeout as sleep } from 'node:timers/promises';
import type { EngineFaults } from './engine-faults.ts';
import { EngineMeter } from './engine-meter.ts';
import type { EngineMessage, EngineScript } from './script.ts';

export interface ChatBody {
  model: string;
  messages: EngineMessage[];
  prompt?: string;
  max_tokens?: number;
  max_completion_tokens?: number;
  stream?: boolean;
  stream_options?: { include_usage?: boolean; continuous_usage_stats?: boolean };
  [field: string]: unknown;
}

export interface SeenRequest {
  body: ChatBody;
  authorization: string | null;
  /** The client went away before the end. */
  aborted: boolean;
  sentCharacters: number;
}

export class EngineState {
  models: string[];
  script: EngineScript = {};
  readonly seen: SeenRequest[] = [];
  readonly meter = new EngineMeter();
  /** Completions run at the same time; the others wait. */
  readonly maxRunning: number;
  /** One kind's own addresses under /control/: what it answers, or undefined. */
  extraControl: (pathname: string, body: string) => unknown = () => undefined;
  isLoading = true;
  isDraining = false;
  #faults: EngineFaults;
  #faultyRequests = 0;
  #isHung = false;
  #sleepLevel = 0;
  #goOn = Promise.withResolvers<void>();
  #freeSlots: (() => void)[] = [];

  constructor(models: readonly string[], faults: EngineFaults, maxRunning = Infinity) {
    this.models = [...models];
    this.maxRunning = maxRunning;
    this.#faults = faults;
    this.#isHung = faults.hang === true;
  }

  get faults(): EngineFaults {
    return this.#faults;
  }

  get isHung(): boolean {
    return this.#isHung;
  }

  replaceFaults(faults: EngineFaults): void {
    this.#faults = faults;
    this.#faultyRequests = 0;
    this.#isHung = faults.hang === true;
    if (!this.#isHung) this.#resume();
  }

  hang(): void {
    this.#isHung = true;
  }

  /** 0 is awake, 1 has its weights in main memory, 2 has thrown them away. What comes meanwhile waits. */
  get sleepLevel(): number {
    return this.#sleepLevel;
  }

  set sleepLevel(level: number) {
    this.#sleepLevel = level;
    if (level === 0) this.#resume();
  }

  /** The faults that hold for the completion that has just come. */
  takeFaults(): EngineFaults {
    this.#faultyRequests += 1;
    const { forRequests } = this.#faults;
    return forRequests !== undefined && this.#faultyRequests > forRequests ? {} : this.#faults;
  }

  /** Waits for a place among the running ones; the result gives it back. */
  async admit(signal: AbortSignal): Promise<() => void> {
    // What comes while the core hangs never reaches its queue, so no figure shows it.
    await this.#untilRunning(signal);
    this.meter.waiting += 1;
    while (this.meter.running >= this.maxRunning && !signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#freeSlots.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
    this.meter.waiting -= 1;
    this.meter.running += 1;
    const leave = (): void => {
      this.meter.running -= 1;
      this.#freeSlots.shift()?.();
    };
    return () => {
      if (this.#isHung) void this.#goOn.promise.then(leave);
      else leave();
    };
  }

  /** One step of the core: `tokens` more, after the delay. Waits as long as the engine hangs. */
  async step(tokens: number, delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs > 0) await sleep(delayMs);
    else await nextTick();
    await this.#untilRunning(signal);
    if (!signal.aborted) this.meter.step(tokens);
  }

  async #untilRunning(signal: AbortSignal): Promise<void> {
    while ((this.#isHung || this.#sleepLevel > 0) && !signal.aborted) {
      const gone = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => gone.resolve(), { once: true });
      await Promise.race([this.#goOn.promise, gone.promise]);
    }
  }

  #resume(): void {
    this.#goOn.resolve();
    this.#goOn = Promise.withResolvers();
  }
}
