// What the OpenRouter backend is told. The defaults are the strict ones: no provider that keeps or trains on what it gets.
import { AppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import type { CloudGuard, CloudPrice } from '../cloud-guard.ts';

export interface OpenRouterOptions {
  /** `https://openrouter.ai/api/v1`. */
  baseUrl: string;
  apiKey: string;
  /** The preferred one first; OpenRouter takes up to three and tries them in order. */
  models: readonly string[];
  zdr: boolean;
  dataCollection: 'deny' | 'allow';
  /** Let OpenRouter choose among the providers that keep the rules. */
  allowFallbacks: boolean;
  /** Names of providers; left out: any, or none to leave aside. */
  onlyProviders?: readonly string[];
  ignoredProviders?: readonly string[];
  /** Sent along, so that no dearer provider answers. */
  maxPrice: CloudPrice;
  guard: CloudGuard;
  temperature: number;
  topP: number;
  /** One turn in all. */
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** Between two pieces of a stream, once it has begun. */
  stallTimeoutMs: number;
  maxConnections: number;
  clock: Clock;
}

export const defaultOpenRouterOptions = {
  baseUrl: 'https://openrouter.ai/api/v1',
  zdr: true,
  dataCollection: 'deny',
  allowFallbacks: true,
  maxPrice: { promptUsdPerMillion: 5, completionUsdPerMillion: 20 },
  temperature: 0.6,
  topP: 0.95,
  requestTimeoutMs: 120_000,
  connectTimeoutMs: 5000,
  stallTimeoutMs: 60_000,
  maxConnections: 32,
} as const satisfies Partial<OpenRouterOptions>;

const MOST_MODELS = 3;

/** Throws CONFIG_INVALID. */
export function checkOpenRouterOptions({ models, apiKey, maxPrice }: OpenRouterOptions): void {
  if (models.length === 0 || models.length > MOST_MODELS || models.some((model) => !/^[^\s/]+\/\S+$/.test(model))) {
    throw new AppError('CONFIG_INVALID', 'openrouter.models must name one to three models as VENDOR/MODEL', {
      hint: 'For example ["anthropic/claude-sonnet-4"]; openrouter.ai/models lists them',
    });
  }
  if (!/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new AppError('CONFIG_INVALID', 'openrouter.api_key is empty or holds characters that no key has', {
      hint: 'Look for line ends or blanks in openrouter.api_key or openrouter.api_key_file',
    });
  }
  const { promptUsdPerMillion, completionUsdPerMillion } = maxPrice;
  if ([promptUsdPerMillion, completionUsdPerMillion].some((price) => !Number.isFinite(price) || price < 0)) {
    throw new AppError('CONFIG_INVALID', 'The most that OpenRouter may cost must be dollars a million tokens', {
      hint: 'Set openrouter.max_price_prompt_usd and openrouter.max_price_completion_usd',
    });
  }
}

/** The part of a request that says who may see it, and what it may cost. */
export function providerRules(options: OpenRouterOptions): Record<string, unknown> {
  const { zdr, dataCollection, allowFallbacks, onlyProviders, ignoredProviders, maxPrice } = options;
  return {
    zdr,
    data_collection: dataCollection,
    allow_fallbacks: allowFallbacks,
    require_parameters: true,
    max_price: { prompt: maxPrice.promptUsdPerMillion, completion: maxPrice.completionUsdPerMillion },
    ...(onlyProviders !== undefined && { only: onlyProviders }),
    ...(ignoredProviders !== undefined && { ignore: ignoredProviders }),
  };
}
