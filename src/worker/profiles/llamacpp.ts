// llama.cpp's `llama-server`, for a GGUF file or a repository that has some.
// Reasoning stays in the text (`none`): the agent reads the model's own tags.
import type { EngineAddress, LaunchPlan } from '../launch-plan.ts';
import { fillPlaceholders, workerEnvironment } from '../launch-plan.ts';
import type { WorkerOptions } from '../worker-options.ts';
import { AppError } from '../../lib/app-error.ts';

const PRECISION_TAGS = { '': '', '4bit': 'Q4_K_M', '8bit': 'Q8_0', bf16: 'BF16' } as const;

export function createLlamaCppPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  return {
    command: {
      executable: options.command || 'llama-server',
      args: [
        ...modelArgs(options),
        ...listenArgs(address),
        '--alias',
        options.servedName,
        '--ctx-size',
        String(options.contextTokens),
        '--jinja',
        '--reasoning-format',
        'none',
        '--metrics',
        '--no-webui',
        ...fillPlaceholders(options, address),
      ],
    },
    env: workerEnvironment(options, options.apiKey === '' ? {} : { LLAMA_API_KEY: options.apiKey }),
    before: [],
    after: [],
    servedName: options.servedName,
    healthPath: '/health',
    hasMetrics: true,
    progress: 'chunks',
    sleep: null,
    drains: false,
  };
}

function modelArgs({ model, precision, quantization }: WorkerOptions): string[] {
  if (model.endsWith('.gguf')) return ['--model', model];
  const tag = quantization || PRECISION_TAGS[precision];
  return ['--hf-repo', tag === '' || model.includes(':') ? model : `${model}:${tag}`];
}

function listenArgs(address: EngineAddress): string[] {
  if (address.kind === 'tcp') return ['--host', address.host, '--port', String(address.port)];
  // It takes a host for a path only by this ending.
  if (address.path.endsWith('.sock')) return ['--host', address.path];
  throw new AppError(
    'CONFIG_INVALID',
    'llama-server knows a Unix socket by its name only, and this one does not end in .sock',
    {
      hint: 'Write worker.listen as unix:/path/name.sock',
    },
  );
}
