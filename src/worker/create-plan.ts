// From the options and the chosen address to the plan of their profile.
import type { EngineAddress, LaunchPlan } from './launch-plan.ts';
import { createCommandPlan } from './profiles/command.ts';
import { createExternalPlan } from './profiles/external.ts';
import { createLlamaCppPlan } from './profiles/llamacpp.ts';
import { createLmStudioPlan } from './profiles/lmstudio.ts';
import { createMlxPlan } from './profiles/mlx.ts';
import { createVllmPlan } from './profiles/vllm.ts';
import type { WorkerOptions, WorkerProfile } from './worker-options.ts';

const CREATORS: Readonly<Record<WorkerProfile, (options: WorkerOptions, address: EngineAddress) => LaunchPlan>> = {
  vllm: createVllmPlan,
  mlx: createMlxPlan,
  lmstudio: createLmStudioPlan,
  llamacpp: createLlamaCppPlan,
  command: createCommandPlan,
  external: createExternalPlan,
};

/** Throws CONFIG_INVALID for options that the profile can't be started with. */
export function createPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  return CREATORS[options.profile](options, address);
}
