// Metrics of the parts as they judge themselves, and of the sandbox's processes and walls.
// Guarantee: label values are names from the source, never text that a part wrote.
import type { ComponentState } from '../lib/component.ts';
import type { MetricFactory } from './metric-factory.ts';

const STATES: readonly ComponentState[] = ['ok', 'degraded', 'failed', 'starting'];

export interface PartMetrics {
  setComponent(component: string, state: ComponentState): void;
  setRunning(runs: number): void;
  setSandbox(sandbox: { standby: number; active: number; walls: Readonly<Record<string, string>> }): void;
  sandboxNotStarted(): void;
}

export function createPartMetrics({ counter, gauge }: MetricFactory): PartMetrics {
  const components = gauge('component_state', '1 for the state a part of the daemon is in', ['component', 'state']);
  const running = gauge('runs_running', 'Runs of the agent in progress');
  const processes = gauge('sandbox_processes', 'Sandbox processes that are in use or ready', ['use']);
  const walls = gauge('sandbox_wall_proven', '1 for a wall that held when the daemon attacked its own sandbox', [
    'wall',
  ]);
  const notStarted = counter('sandbox_start_failures_total', 'Sandbox processes that did not start');
  return {
    setComponent(component, state) {
      for (const name of STATES) components.set({ component, state: name }, name === state ? 1 : 0);
    },
    setRunning: (runs) => running.set(runs),
    setSandbox({ standby, active, walls: found }) {
      processes.set({ use: 'standby' }, standby);
      processes.set({ use: 'active' }, active);
      for (const [wall, verdict] of Object.entries(found)) walls.set({ wall }, verdict === 'proven' ? 1 : 0);
    },
    sandboxNotStarted: () => notStarted.inc(),
  };
}
