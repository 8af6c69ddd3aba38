// `mlx_lm.server` on Apple silicon. Its health route is a constant and it has no metrics: pieces of answers are its pulse.
// It loads whatever model a request names, so requests name the one it was started with.
import { servedNameOf } from '../mlx-model.ts';
import type { EngineAddress, LaunchPlan } from '../launch-plan.ts';
import { fillPlaceholders, workerEnvironment } from '../launch-plan.ts';
import { requireTcp } from '../require-tcp.ts';
import type { WorkerOptions } from '../worker-options.ts';

/** Its own default of 512 cuts thoughts off; requests that name a limit are not affected. */
const MAX_TOKENS = '4096';

export function createMlxPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  const { host, port } = requireTcp(address, 'mlx');
  const model = servedNameOf(options);
  return {
    command: {
      executable: options.command || 'mlx_lm.server',
      args: [
        '--model',
        model,
        '--host',
        host,
        '--port',
        String(port),
        '--max-tokens',
        MAX_TOKENS,
        '--temp',
        '0.0',
        ...fillPlaceholders(options, address),
      ],
    },
    env: workerEnvironment(options, {}),
    before: [],
    after: [],
    servedName: model,
    healthPath: '/health',
    hasMetrics: false,
    progress: 'chunks',
    sleep: null,
    drains: false,
  };
}
