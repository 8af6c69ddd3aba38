// Asks every part how it is and remembers since when it has been so; the one source of `/health`, `/readyz` and `status`.
import type { Clock } from '../lib/clock.ts';
import type { ComponentHealth, ComponentState } from '../lib/component.ts';

export interface Probe {
  state: ComponentState;
  reason: string;
  details?: Record<string, unknown>;
}

export interface HealthBoard {
  /** Each component now. Cheap: probes read what their part already knows. */
  components(): Record<string, ComponentHealth>;
}

/** `probes` are called at each look; a probe that throws is a failed component, not a failed page. */
export function createHealthBoard(probes: Readonly<Record<string, () => Probe>>, clock: Clock): HealthBoard {
  const seen = new Map<string, { state: ComponentState; sinceIso: string }>();
  return {
    components() {
      const result: Record<string, ComponentHealth> = {};
      for (const [name, probe] of Object.entries(probes)) {
        const now = ask(probe);
        const before = seen.get(name);
        const sinceIso = before?.state === now.state ? before.sinceIso : new Date(clock.nowMs()).toISOString();
        if (before?.state !== now.state) seen.set(name, { state: now.state, sinceIso });
        result[name] = { ...now, sinceIso };
      }
      return result;
    },
  };
}

function ask(probe: () => Probe): Probe {
  try {
    return probe();
  } catch (error) {
    return { state: 'failed', reason: error instanceof Error ? error.message : 'the component did not answer' };
  }
}
