// LM Studio, driven by its `lms`: it gets and loads the model in a daemon of its own, so there is no child of ours to
// watch; the engine is judged by what it answers.
import { findMlxModel } from '../mlx-model.ts';
import type { EngineAddress, LaunchPlan, LaunchStep } from '../launch-plan.ts';
import { fillPlaceholders, workerEnvironment } from '../launch-plan.ts';
import { requireTcp } from '../require-tcp.ts';
import type { WorkerOptions } from '../worker-options.ts';

export function createLmStudioPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  const { port } = requireTcp(address, 'lmstudio');
  const executable = options.command || 'lms';
  const step = (args: readonly string[], mayFail = false): LaunchStep => ({ executable, args, mayFail });
  const { searchName, loadName } = modelNames(options);
  return {
    command: null,
    env: workerEnvironment(options, {}),
    before: [
      // Older versions have no such command; their app is running then.
      step(['daemon', 'up', '--json'], true),
      step(['get', searchName, ...(searchName.includes('-mlx') ? ['--mlx'] : []), '--yes']),
      // It serves on one port only: one that runs elsewhere, or hangs, makes room.
      step(['server', 'stop'], true),
      step(['server', 'start', '--port', String(port)]),
      // A second model under the same identifier is refused.
      step(['unload', options.servedName], true),
      step([
        'load',
        loadName,
        '--identifier',
        options.servedName,
        '--context-length',
        String(options.contextTokens),
        '--gpu',
        'max',
        ...fillPlaceholders(options, address),
        '--yes',
      ]),
    ],
    after: [step(['unload', options.servedName], true)],
    servedName: options.servedName,
    healthPath: null,
    hasMetrics: false,
    progress: 'chunks',
    sleep: null,
    drains: false,
  };
}

/** The names the original used: all builds by their short name, bf16 loaded with its author's. */
function modelNames(options: WorkerOptions): { searchName: string; loadName: string } {
  const own = findMlxModel(options.model, options.precision);
  if (own !== null) {
    const { shortName, repository } = own;
    return { searchName: shortName, loadName: shortName.endsWith('bf16') ? repository : shortName };
  }
  const name = options.quantization === '' ? options.model : `${options.model}@${options.quantization}`;
  return { searchName: name, loadName: name };
}
