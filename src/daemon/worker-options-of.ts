// The worker's options from the configuration, for the daemon and for `mem-agent worker`, which must agree on them.
import type { Config } from '../config/config.ts';
import type { WorkerOptions } from '../worker/worker-options.ts';

/** Label of its log lines and metrics, and of its record on disk. */
export const WORKER_NAME = 'worker';

/** null when no worker is configured. */
export function workerOptionsOf({ worker, model, runtime }: Config): WorkerOptions | null {
  const { profile, supervisor: _supervisor, socket: _socket, apiKeyFile: _apiKeyFile, priority: _priority } = worker;
  if (profile === 'none') return null;
  const loaded = modelToLoad(worker.model, model.name, profile);
  return {
    ...worker,
    name: WORKER_NAME,
    profile,
    model: loaded,
    servedName: servedName(worker.servedName, loaded, profile),
    env: Object.fromEntries(worker.env.map(splitPair)),
    workingDirectory: worker.workingDirectory === '' ? runtime.dir : worker.workingDirectory,
    listen: profile === 'external' && worker.listen === '' ? model.baseUrl : worker.listen,
    contextTokens: model.contextTokens,
    runtimeDirectory: runtime.dir,
  };
}

const DEFAULT_MODEL = 'driaforall/mem-agent';
const DEFAULT_SERVED_NAME = 'mem-agent';

/** `.mlx_model_name` of the original names the model on the machines it was made for. */
function modelToLoad(configured: string, modelName: string, profile: string): string {
  const isApple = profile === 'mlx' || profile === 'lmstudio';
  return isApple && configured === DEFAULT_MODEL && modelName !== '' ? modelName : configured;
}

/** `mlx_lm.server` has no name but the model's own; an external server has whatever `model.name` says. */
function servedName(configured: string, model: string, profile: string): string {
  return profile === 'mlx' && configured === DEFAULT_SERVED_NAME ? model : configured;
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
