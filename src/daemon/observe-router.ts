// What the router decides, as log lines and metrics; a downgrade is never silent.
import type { RouterEvent } from '../model/router/router-options.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';

export function observeRouter(event: RouterEvent, logger: Logger, { workers }: Metrics): void {
  const facts = { component: 'model', ...event };
  switch (event.kind) {
    case 'failed-over':
      workers.fallback(event.reason);
      return logger.warn(facts, 'another model server answers this turn');
    case 'builtin':
      workers.fallback(event.reason);
      return logger.warn(facts, 'the models are down, builtin answers this run');
    case 'refused':
      workers.fallbackRefused(event.reason.toLowerCase());
      return logger.warn(facts, 'a cloud model was not asked');
    case 'breaker':
      return logger.info(facts, 'circuit breaker of a model server');
    case 'hedged':
      return logger.debug(facts, 'a second model server was asked too');
  }
}
