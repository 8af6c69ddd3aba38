// Makes metrics of one registry with the one prefix; every metric has a help text and named labels.
import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';

const PREFIX = 'memagent_';

export interface MetricFactory {
  counter<L extends string>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
  gauge<L extends string>(name: string, help: string, labelNames?: readonly L[]): Gauge<L>;
  histogram<L extends string>(name: string, help: string, buckets: number[], labelNames?: readonly L[]): Histogram<L>;
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
