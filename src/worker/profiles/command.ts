// Any OpenAI-compatible server that the operator knows how to start; the placeholders in its arguments say where to listen.
import { AppError } from '../../lib/app-error.ts';
import type { EngineAddress, LaunchPlan } from '../launch-plan.ts';
import { fillPlaceholders, workerEnvironment } from '../launch-plan.ts';
import type { WorkerOptions } from '../worker-options.ts';

export function createCommandPlan(options: WorkerOptions, address: EngineAddress): LaunchPlan {
  if (options.command === '') {
    throw new AppError('CONFIG_INVALID', 'A worker of the profile command has no command', {
      hint: 'Set worker.command to the executable, and worker.args to its arguments with {port} or {socket} among them',
    });
  }
  return {
    command: { executable: options.command, args: fillPlaceholders(options, address) },
    env: workerEnvironment(options, options.apiKey === '' ? {} : { MEM_AGENT_WORKER_API_KEY: options.apiKey }),
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
