// A server that somebody else runs: watched and never touched.
import type { LaunchPlan } from '../launch-plan.ts';
import type { WorkerOptions } from '../worker-options.ts';

export function createExternalPlan(options: WorkerOptions): LaunchPlan {
  return {
    command: null,
    env: {},
    before: [],
    after: [],
    servedName: options.servedName,
    healthPath: null,
    hasMetrics: true,
    progress: 'chunks',
    sleep: null,
    drains: false,
  };
}
