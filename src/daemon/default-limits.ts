// The limits of whoever has none of its own, as the configuration has them now.
import type { Limits } from '../auth/policy.ts';
import { withDefaultLimits, type Principal } from '../auth/principal.ts';
import type { Config } from '../config/config.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

/** The returned function fills in what a caller's own policy leaves open. */
export function createDefaultLimits(settings: ReloadableConfig): (principal: Principal) => Principal {
  let seen: Config | undefined;
  let defaults: Limits = {};
  return (principal) => {
    const { config } = settings;
    if (config !== seen) {
      seen = config;
      defaults = limitsOf(config.limits);
    }
    return Object.keys(defaults).length === 0 ? principal : withDefaultLimits(principal, defaults);
  };
}

function limitsOf(limits: Config['limits']): Limits {
  const tools = limits.toolCallsPerMinute.map((entry) => entry.split('=') as [string, string]);
  const { requestsPerMinute, concurrentRuns, tokensPerDay, tokensPerMonth, usdPerDay, usdPerMonth } = limits;
  const numbers = { requestsPerMinute, concurrentRuns, tokensPerDay, tokensPerMonth, usdPerDay, usdPerMonth };
  return {
    ...Object.fromEntries(Object.entries(numbers).filter(([, value]) => value > 0)),
    ...(tools.length > 0 && {
      toolCallsPerMinute: Object.fromEntries(tools.map(([tool, calls]) => [tool, Number(calls)])),
    }),
  };
}
