// Decides who answers, from the configuration: an OpenAI-compatible server (with `builtin` behind it), or `builtin` alone.
import type { Clock } from '../lib/clock.ts';
import { createBuiltinBackend } from '../model/builtin/builtin-backend.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import { createFallbackBackend } from '../model/fallback-backend.ts';
import { openOpenAiBackend } from '../model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../model/openai-options.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

/** What has to be closed goes on the stack. */
export function openBackend(
  settings: ReloadableConfig,
  ports: { clock: Clock; logger: Logger },
  stack: AsyncDisposableStack,
): ChatBackend {
  const { clock, logger } = ports;
  const { model } = settings.config;
  const builtin = createBuiltinBackend({ clock });
  if (model.backend === 'builtin') return builtin;
  const server = stack.use(
    openOpenAiBackend({
      ...defaultOpenAiOptions,
      baseUrl: model.baseUrl,
      currentModel: () => settings.config.model.name,
      apiKey: model.apiKey,
      trust: model.trust,
      paid: model.paid,
      temperature: model.temperature,
      topP: model.topP,
      topK: model.topK,
      minP: model.minP,
      requestTimeoutMs: model.requestTimeoutMs,
      onEvent: (event) => logger.info({ component: 'model', ...event }, 'model server'),
    }),
  );
  return model.fallback === 'builtin'
    ? createFallbackBackend(server, builtin, ({ reason }) =>
        logger.warn({ component: 'model', reason }, 'the model is down, builtin answers this run'),
      )
    : server;
}
