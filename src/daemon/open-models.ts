// Who answers, from the configuration: every model server as a route of one router, the supervised worker among them, and
// `builtin` behind them all where policy allows it.
import { parseBackendEntries, type BackendEntry } from '../config/backend-entry.ts';
import { readSecretText } from '../config/secrets.ts';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { createBuiltinBackend } from '../model/builtin/builtin-backend.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import type { CloudGuard, CloudPrice } from '../model/cloud-guard.ts';
import { LiveBackend } from '../model/live-backend.ts';
import { defaultOpenAiOptions, judgeTrust, type OpenAiOptions } from '../model/openai-options.ts';
import { openOpenRouterBackend } from '../model/openrouter/openrouter-backend.ts';
import { startKeyWatch } from '../model/openrouter/openrouter-key.ts';
import { defaultOpenRouterOptions } from '../model/openrouter/openrouter-options.ts';
import { createModelRouter, type ModelRouter } from '../model/router/model-router.ts';
import type { ModelRoute } from '../model/router/router-options.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import type { Worker } from '../worker/worker.ts';
import { observeRouter } from './observe-router.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

/** A route whose server can be asked which models it has. */
export interface ModelServer {
  route: ModelRoute;
  listModels(): Promise<readonly string[]>;
}

export interface Models {
  readonly router: ModelRouter;
  readonly builtin: ChatBackend;
  readonly servers: readonly ModelServer[];
}

export interface ModelsPorts {
  clock: Clock;
  logger: Logger;
  metrics: Metrics;
  worker: Worker | null;
  /** In front of every server that is not the owner's own. */
  guard: CloudGuard;
}

/** What has to be closed goes on the stack. */
export function openModels(settings: ReloadableConfig, ports: ModelsPorts, stack: AsyncDisposableStack): Models {
  const { clock, logger, metrics } = ports;
  const { model } = settings.config;
  const builtin = createBuiltinBackend({ clock });
  const servers = model.backend === 'builtin' ? [] : openServers(settings, ports, stack);
  const router = createModelRouter({
    routes: servers.map(({ route }) => route),
    builtin: model.fallback === 'builtin' || servers.length === 0 ? builtin : null,
    clock,
    options: {
      breakerFailures: model.breakerFailures,
      breakerOpenMs: model.breakerOpenMs,
      waitForWorkerMs: model.waitForWorkerMs,
      builtinAfterMs: model.builtinAfterMs,
      hedgeMs: model.hedgeMs,
    },
    onEvent: (event) => observeRouter(event, logger, metrics),
  });
  metrics.onCollect(() => {
    for (const { name, state, outstanding } of router.list()) {
      metrics.workers.setBackend({ backend: name, isUp: state === 'ready' || state === 'asleep', outstanding });
    }
  });
  return { router, builtin, servers };
}

function openServers(settings: ReloadableConfig, ports: ModelsPorts, stack: AsyncDisposableStack): ModelServer[] {
  const { logger, worker, guard } = ports;
  const { config } = settings;
  const priceOf = (paid: boolean): CloudPrice => ({
    promptUsdPerMillion: paid ? config.openrouter.maxPricePromptUsd : 0,
    completionUsdPerMillion: paid ? config.openrouter.maxPriceCompletionUsd : 0,
  });
  const common = (): Omit<OpenAiOptions, 'baseUrl' | 'trust'> => {
    const { model } = settings.config;
    return {
      ...defaultOpenAiOptions,
      temperature: model.temperature,
      topP: model.topP,
      topK: model.topK,
      minP: model.minP,
      requestTimeoutMs: model.requestTimeoutMs,
      onEvent: (event) => logger.info({ component: 'model', ...event }, 'model server'),
    };
  };
  const open = (name: string, place: Omit<ModelRoute, 'backend'>, options: () => OpenAiOptions | null): ModelServer => {
    const backend = stack.use(new LiveBackend(name, options));
    return { route: { ...place, backend }, listModels: () => backend.listModels() };
  };
  const servers: ModelServer[] = [];
  if (worker !== null) {
    servers.push(
      open('worker', { priority: config.worker.priority, worker, isPaid: false, trust: 'local' }, () => {
        const { baseUrl, servedModel } = worker.status();
        if (baseUrl === null) return null;
        return { ...common(), baseUrl, model: servedModel, apiKey: settings.config.worker.apiKey, trust: 'local' };
      }),
    );
  }
  const { baseUrl, trust, paid, priority, apiKey } = config.model;
  // An external worker is that very server, watched.
  if (baseUrl !== '' && config.worker.profile !== 'external') {
    servers.push(
      open('openai', { priority, worker: null, isPaid: paid, trust }, () => ({
        ...common(),
        baseUrl,
        trust,
        paid,
        cloud: { guard, price: priceOf(paid) },
        apiKey,
        model: settings.config.model.name,
      })),
    );
  }
  for (const entry of parseBackendEntries(config.model.backends)) {
    const own = optionsOf(entry);
    servers.push(
      open(entry.name, { priority: entry.priority, worker: null, isPaid: entry.paid, trust: own.trust }, () => ({
        ...common(),
        ...own,
        cloud: { guard, price: priceOf(entry.paid) },
      })),
    );
  }
  if (config.openrouter.apiKey !== '') servers.push(openOpenRouter(settings, ports, stack));
  return servers;
}

/** The last resort: only with a key of ours, and then only for callers with consent and money. */
function openOpenRouter(
  { config }: ReloadableConfig,
  { clock, guard, metrics }: ModelsPorts,
  stack: AsyncDisposableStack,
): ModelServer {
  const { model, openrouter } = config;
  const backend = stack.use(
    openOpenRouterBackend({
      ...defaultOpenRouterOptions,
      baseUrl: openrouter.baseUrl,
      apiKey: openrouter.apiKey,
      models: openrouter.models,
      zdr: openrouter.zdr,
      dataCollection: openrouter.dataCollection,
      allowFallbacks: openrouter.allowFallbacks,
      maxPrice: {
        promptUsdPerMillion: openrouter.maxPricePromptUsd,
        completionUsdPerMillion: openrouter.maxPriceCompletionUsd,
      },
      guard,
      temperature: model.temperature,
      topP: model.topP,
      requestTimeoutMs: model.requestTimeoutMs,
      clock,
    }),
  );
  stack.use(
    startKeyWatch({
      check: () => backend.checkKey(),
      intervalMs: openrouter.keyCheckMs,
      onStatus: ({ remainingUsd }) => {
        if (remainingUsd !== null) metrics.workers.setCloudCredit(remainingUsd);
      },
    }),
  );
  const route = { backend, priority: openrouter.priority, worker: null, isPaid: true, trust: 'cloud' as const };
  return { route, listModels: () => backend.listModels() };
}

function optionsOf(entry: BackendEntry): Pick<OpenAiOptions, 'baseUrl' | 'trust' | 'paid' | 'apiKey' | 'model'> {
  const { baseUrl, paid, model } = entry;
  const apiKey = entry.apiKeyFile === '' ? '' : readSecretText(entry.apiKeyFile);
  if (apiKey === undefined) {
    throw new AppError('CONFIG_INVALID', `The key of the model server ${entry.name} cannot be read from its file`, {
      hint: `Put the key in ${entry.apiKeyFile}, readable for mem-agent, or correct model.backends`,
    });
  }
  return { baseUrl, paid, model, apiKey, trust: judgeTrust(baseUrl, entry.trust) };
}
