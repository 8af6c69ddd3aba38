// vLLM (0.18 or newer): `vllm serve`, on a Unix socket where it can, so that its unguarded routes are nobody else's.
// No reasoning parser and no tool parser: the agent reads the model's own text.
import type { EngineAddress, LaunchPlan } from '../launch-plan.ts';
import { fillPlaceholders, workerEnvironment } from '../launch-plan.ts';
import type { WorkerOptions } from '../worker-options.ts';

const PRECISION_ARGS = {
  '': [],
  '4bit': ['--quantization', 'bitsandbytes'],
  '8bit': ['--quantization', 'fp8'],
  bf16: ['--dtype', 'bfloat16'],
} as const;
const QUIET_ROUTES = '/health,/metrics,/v1/models';
const LONGEST_DRAIN_S = 30;

export function createVllmPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  const onSocket = address.kind === 'unix';
  // Sleep is a route of the developer mode, which also opens `/collective_rpc`: only where nobody else can call.
  const canSleep = onSocket && options.args.includes('--enable-sleep-mode');
  const { quantization, precision } = options;
  return {
    command: {
      executable: options.command || 'vllm',
      args: [
        'serve',
        options.model,
        ...(onSocket ? ['--uds', address.path] : ['--host', address.host, '--port', String(address.port)]),
        '--served-model-name',
        options.servedName,
        '--max-model-len',
        String(options.contextTokens),
        ...(quantization === '' ? PRECISION_ARGS[precision] : ['--quantization', quantization]),
        '--shutdown-timeout',
        String(drainSeconds(options.stopTimeoutMs)),
        '--enable-request-id-headers',
        '--disable-access-log-for-endpoints',
        QUIET_ROUTES,
        '--disable-fastapi-docs',
        '--enable-prompt-tokens-details',
        ...fillPlaceholders(options, address),
      ],
    },
    env: workerEnvironment(options, {
      VLLM_NO_USAGE_STATS: '1',
      ...(options.apiKey === '' ? {} : { VLLM_API_KEY: options.apiKey }),
      ...(canSleep ? { VLLM_SERVER_DEV_MODE: '1' } : {}),
    }),
    before: [],
    after: [],
    servedName: options.servedName,
    healthPath: '/health',
    hasMetrics: true,
    progress: 'iterations',
    sleep: canSleep ? { sleepPath: '/sleep?level=1', wakePath: '/wake_up' } : null,
    drains: true,
  };
}

/** A little less than our patience, so that it ends by itself. */
function drainSeconds(stopTimeoutMs: number): number {
  return Math.max(0, Math.min(LONGEST_DRAIN_S, Math.floor((stopTimeoutMs - 2000) / 1000)));
}
