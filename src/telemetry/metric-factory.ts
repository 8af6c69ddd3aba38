// Makes metrics of one registry with the one prefix; every metric has a help text and named labels.
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

const PREFIX = 'memagent_';

export interface MetricFactory {
  counter<L extends string>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
  gauge<L extends string>(name: string, help: string, labelNames?: readonly L[]): Gauge<L>;
  histogram<L extends string>(name: string, help: string, buckets: number[], labelNames?: readonly L[]): Histogram<L>;
}

/**
 * Begins series at 0: one that is born with its first count has no increase that Prometheus could see, and the first
 * failure is the one to alert for.
 */
export function beginAtZero<L extends string>(
  counter: Counter<L>,
  label: NoInfer<L>,
  values: readonly string[],
  others: Partial<Record<NoInfer<L>, string>> = {},
): void {
  for (const value of values) counter.inc({ ...others, [label]: value } as Partial<Record<L, string>>, 0);
}

export function createMetricFactory(registry: Registry): MetricFactory {
  const common = <L extends string>(name: string, help: string, labelNames: readonly L[]) => ({
    name: PREFIX + name,
    help,
    labelNames: [...labelNames],
    registers: [registry],
  });
  return {
    counter: (name, help, labelNames = []) => new Counter(common(name, help, labelNames)),
    gauge: (name, help, labelNames = []) => new Gauge(common(name, help, labelNames)),
    histogram: (name, help, buckets, labelNames = []) => new Histogram({ ...common(name, help, labelNames), buckets }),
  };
}
