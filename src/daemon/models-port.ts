// The models as the admin API shows and tests them.
import type { BackendInfo, BackendTest, ModelsPort } from '../http/admin/admin-ports.ts';
import { AppError } from '../lib/app-error.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import type { RouteStatus } from '../model/router/router-options.ts';
import type { Models, ModelServer } from './open-models.ts';

const TEST_OUTPUT_TOKENS = 64;

export function createModelsPort({ router, builtin, servers }: Models): ModelsPort {
  const serverOf = (name: string): ModelServer | undefined => servers.find(({ route }) => route.backend.name === name);
  const backendOf = (name: string): ChatBackend => {
    const backend = serverOf(name)?.route.backend ?? (name === builtin.name ? builtin : undefined);
    if (backend !== undefined) return backend;
    throw new AppError('NOT_FOUND', `There is no model server ${name}`, {
      hint: `Known are ${[...servers.map(({ route }) => route.backend.name), builtin.name].join(', ')}`,
    });
  };
  return {
    list: () => [...router.list().map(describe), describeBuiltin(builtin)],
    async listModels(name) {
      const server = serverOf(name);
      return server === undefined ? [backendOf(name).name] : await server.listModels();
    },
    async test(name, signal): Promise<BackendTest> {
      const backend = backendOf(name);
      const worker = serverOf(name)?.route.worker;
      if (worker?.isAsleep() === true) await worker.wake(signal, () => undefined);
      const reply = await backend.complete({
        runId: 'models-test',
        messages: [{ role: 'user', content: 'Answer with the one word: ready' }],
        maxOutputTokens: TEST_OUTPUT_TOKENS,
        signal,
        isComplete: () => false,
      });
      const { model, durationMs, timeToFirstTokenMs, inputTokens, outputTokens, text, costUsd } = reply;
      return {
        model,
        durationMs,
        timeToFirstTokenMs,
        inputTokens,
        outputTokens,
        text,
        ...(costUsd !== undefined && { costUsd }),
      };
    },
  };
}

function describe({ name, priority, trust, state, reason, breaker, outstanding }: RouteStatus): BackendInfo {
  const isUp = state === 'ready' || state === 'asleep';
  return {
    name,
    priority,
    trust,
    state: isUp ? 'ok' : state === 'busy' ? 'degraded' : 'failed',
    reason,
    breaker,
    requestsRunning: outstanding,
  };
}

/** Behind everything else: it is asked when nobody else can answer. */
function describeBuiltin(builtin: ChatBackend): BackendInfo {
  const { state, reason } = builtin.status();
  return {
    name: builtin.name,
    priority: Number.MAX_SAFE_INTEGER,
    trust: 'local',
    state,
    reason,
    breaker: null,
    requestsRunning: 0,
  };
}
