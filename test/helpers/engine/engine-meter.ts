// The figures of one test engine, from which each kind makes its own metrics.

const ITERATION_BUCKETS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];
const SECOND_BUCKETS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 640];

export class Histogram {
  readonly buckets: readonly number[];
  readonly #own: number[];
  sum = 0;
  count = 0;

  constructor(buckets: readonly number[] = SECOND_BUCKETS) {
    this.buckets = buckets;
    this.#own = buckets.map(() => 0);
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    const first = this.buckets.findIndex((bucket) => value <= bucket);
    if (first >= 0) this.#own[first] = (this.#own[first] ?? 0) + 1;
  }

  /** How many were at most as much as each bucket says. */
  cumulated(): number[] {
    let sum = 0;
    return this.#own.map((own) => (sum += own));
  }
}

export class EngineMeter {
  running = 0;
  waiting = 0;
  promptTokens = 0;
  generationTokens = 0;
  preemptions = 0;
  readonly finished: Record<string, number> = { stop: 0, length: 0, abort: 0, error: 0, repetition: 0 };
  readonly iterationTokens = new Histogram(ITERATION_BUCKETS);
  readonly timeToFirstToken = new Histogram();
  readonly interTokenLatency = new Histogram();
  readonly endToEnd = new Histogram();
  readonly queueTime = new Histogram();
  readonly prefillTime = new Histogram();

  /** The core has made one iteration. */
  step(tokens: number): void {
    this.iterationTokens.observe(tokens);
    this.generationTokens += tokens;
  }

  finish(reason: string): void {
    this.finished[reason] = (this.finished[reason] ?? 0) + 1;
  }
}

export function secondsSince(startedMs: number): number {
  return (performance.now() - startedMs) / 1000;
}
