// Metrics in Prometheus' text form, as the stand-ins give them out.
import type { Histogram } from './engine-meter.ts';

export type Labels = Record<string, string>;
type Sample = [name: string, value: number, labels: Labels];

export class PrometheusText {
  readonly #labels: Labels;
  readonly #lines: string[] = [];

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  gauge(name: string, value: number, help: string, labels: Labels = {}): this {
    return this.#sample(name, 'gauge', help, [[name, value, labels]]);
  }

  counter(name: string, value: number, help: string): this {
    return this.#sample(name, 'counter', help, [[name, value, {}]]);
  }

  /** One sample for each value of the label. */
  family(name: string, type: 'counter' | 'gauge', label: string, values: Record<string, number>, help: string): this {
    const samples = Object.entries(values).map(([key, value]): Sample => [name, value, { [label]: key }]);
    return this.#sample(name, type, help, samples);
  }

  histogram(name: string, histogram: Histogram, help: string): this {
    const counts = histogram.cumulated();
    const buckets = histogram.buckets.map((bucket, index): Sample => [
      `${name}_bucket`,
      counts[index] ?? 0,
      { le: Number.isInteger(bucket) ? `${bucket}.0` : String(bucket) },
    ]);
    return this.#sample(name, 'histogram', help, [
      ...buckets,
      [`${name}_bucket`, histogram.count, { le: '+Inf' }],
      [`${name}_count`, histogram.count, {}],
      [`${name}_sum`, histogram.sum, {}],
    ]);
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #sample(name: string, type: string, help: string, samples: Sample[]): this {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [sample, value, labels] of samples) {
      const pairs = Object.entries({ ...this.#labels, ...labels }).map(
        ([key, text]) => `${key}=${JSON.stringify(text)}`,
      );
      this.#lines.push(`${sample}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
    }
    return this;
  }
}
