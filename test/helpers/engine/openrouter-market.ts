// What the OpenRouter stand-in sells: models, who runs them, what it costs, and the account that pays.
// Set by MEMA_OPENROUTER (JSON), replaced in parts by PUT /control/openrouter.
import type { Refusal } from './chat-answer.ts';
import type { ChatBody } from './engine-state.ts';

export interface OpenRouterMarket {
  apiKey: string;
  account: OpenRouterAccount;
  models: OpenRouterModel[];
}

export interface OpenRouterAccount {
  /** Null is no limit. What is spent is taken off `limitUsd - usageUsd`. */
  limitUsd: number | null;
  usageUsd: number;
  isFreeTier: boolean;
}

export interface OpenRouterModel {
  id: string;
  contextTokens: number;
  endpoints: OpenRouterEndpoint[];
  /** The name it answers under, and is listed with beside its id. */
  slug?: string;
  /** Answers as this model all the same. */
  posesAs?: string;
  /** More that its answers say of themselves. */
  says?: Record<string, unknown>;
}

export interface OpenRouterEndpoint {
  provider: string;
  /** Keeps nothing. */
  zdr: boolean;
  /** Trains on what it is sent, or may. */
  collects: boolean;
  promptUsdPerMillion: number;
  completionUsdPerMillion: number;
}

export interface Route {
  model: OpenRouterModel;
  endpoint: OpenRouterEndpoint;
}

interface ProviderPreferences {
  zdr?: boolean;
  data_collection?: 'allow' | 'deny';
  order?: string[];
  only?: string[];
  ignore?: string[];
  allow_fallbacks?: boolean;
  max_price?: { prompt?: number | string; completion?: number | string };
}

const careful: OpenRouterEndpoint = {
  provider: 'Careful',
  zdr: true,
  collects: false,
  promptUsdPerMillion: 0.2,
  completionUsdPerMillion: 0.6,
};
const curious: OpenRouterEndpoint = {
  provider: 'Curious',
  zdr: false,
  collects: true,
  promptUsdPerMillion: 0.1,
  completionUsdPerMillion: 0.3,
};

export const defaultMarket: OpenRouterMarket = {
  apiKey: 'sk-or-v1-test',
  account: { limitUsd: 10, usageUsd: 0, isFreeTier: false },
  models: [
    { id: 'vendor/large', contextTokens: 131_072, endpoints: [curious, careful] },
    { id: 'vendor/small', contextTokens: 32_768, endpoints: [careful] },
    { id: 'vendor/curious-only', contextTokens: 32_768, endpoints: [curious] },
  ],
};

/** Where a request goes, or why it goes nowhere. */
export function routeOf(market: OpenRouterMarket, body: ChatBody): Route | Refusal {
  const wanted = Array.isArray(body['models']) ? (body['models'] as string[]) : [];
  const ids = [body.model, ...wanted].filter((id) => id !== '');
  const preferences = (body['provider'] ?? {}) as ProviderPreferences;
  let isKnown = false;
  for (const id of ids) {
    const model = market.models.find((candidate) => candidate.id === id);
    if (model === undefined) continue;
    isKnown = true;
    const endpoint = choose(model.endpoints, preferences);
    if (endpoint !== undefined) return { model, endpoint };
  }
  if (!isKnown) return { status: 400, message: `${ids[0] ?? ''} is not a valid model ID`, type: 'invalid_request' };
  return { status: 404, message: noEndpoint(preferences), type: 'not_found' };
}

export function costUsd({ endpoint }: Route, promptTokens: number, completionTokens: number): number {
  const { promptUsdPerMillion, completionUsdPerMillion } = endpoint;
  return (promptTokens * promptUsdPerMillion + completionTokens * completionUsdPerMillion) / 1e6;
}

export function remainingUsd({ limitUsd, usageUsd }: OpenRouterAccount): number | null {
  return limitUsd === null ? null : Math.max(0, limitUsd - usageUsd);
}

function choose(
  endpoints: readonly OpenRouterEndpoint[],
  preferences: ProviderPreferences,
): OpenRouterEndpoint | undefined {
  const { zdr, data_collection: collection, order = [], only, ignore = [], max_price: most = {} } = preferences;
  const allowed = endpoints.filter(
    (endpoint) =>
      (zdr !== true || endpoint.zdr) &&
      (collection !== 'deny' || !endpoint.collects) &&
      (only === undefined || only.includes(endpoint.provider)) &&
      !ignore.includes(endpoint.provider) &&
      endpoint.promptUsdPerMillion <= Number(most.prompt ?? Infinity) &&
      endpoint.completionUsdPerMillion <= Number(most.completion ?? Infinity),
  );
  const ordered = order.flatMap((name) => allowed.filter(({ provider }) => provider === name));
  return ordered[0] ?? (preferences.allow_fallbacks === false && order.length > 0 ? undefined : allowed[0]);
}

function noEndpoint({ zdr, data_collection: collection }: ProviderPreferences): string {
  const policy = zdr === true ? ' (Zero data retention)' : collection === 'deny' ? ' (Paid model training)' : '';
  return policy === ''
    ? 'No allowed providers are available for the selected model.'
    : `No endpoints found matching your data policy${policy}. Configure: https://openrouter.ai/settings/privacy`;
}
