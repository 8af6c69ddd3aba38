// A stand-in for OpenRouter on loopback: key, models, completions with cost, and a provider chosen by the privacy asked for.
// Counts every byte it gets (/control/received), so that a test can prove that nothing left. Usage: [--port N] [--host ADDRESS]
import { answerChat } from './chat-answer.ts';
import type { Dialect, Refusal, Usage } from './chat-answer.ts';
import { parseCommandLine } from './command-line.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { sendJson } from './engine-http.ts';
import type { EngineCall } from './engine-http.ts';
import { runEngine } from './engine-program.ts';
import { EngineState } from './engine-state.ts';
import type { ChatBody } from './engine-state.ts';
import { costUsd, defaultMarket, remainingUsd, routeOf } from './openrouter-market.ts';
import type { OpenRouterMarket, Route } from './openrouter-market.ts';
import { scriptFromEnvironment } from './script.ts';

const ERROR_TYPES: Record<number, string> = {
  400: 'invalid_request',
  401: 'authentication',
  402: 'payment_required',
  403: 'permission_denied',
  404: 'not_found',
  408: 'timeout',
  429: 'rate_limit_exceeded',
  500: 'server',
  502: 'provider_unavailable',
  503: 'provider_overloaded',
};

const line = parseCommandLine(process.argv.slice(2), {
  program: 'openrouter',
  maxPositionals: 0,
  flags: { host: 'text', port: 'number' },
});
const market: OpenRouterMarket = {
  ...defaultMarket,
  ...(JSON.parse(process.env['MEMA_OPENROUTER'] ?? '{}') as Partial<OpenRouterMarket>),
};
const state = new EngineState([], faultsFromEnvironment(process.env));
state.script = scriptFromEnvironment(process.env);
state.extraControl = (pathname, body) => {
  if (pathname !== '/control/openrouter') return undefined;
  if (body !== '') Object.assign(market, JSON.parse(body) as Partial<OpenRouterMarket>);
  return market;
};

function errorBody(status: number, message: string): { error: Record<string, unknown>; user_id: string } {
  const metadata = { error_type: ERROR_TYPES[status] ?? 'unknown' };
  return { error: { message, code: status, metadata }, user_id: 'user_test' };
}

function dialectOf(route: Route | Refusal): Dialect {
  const isRoute = 'endpoint' in route;
  return {
    thinkField: 'reasoning',
    reasoningField: 'reasoning',
    defaultMaxTokens: 65_536,
    usageInStream: 'always',
    hasContinuousUsage: false,
    streamOpening: ': OPENROUTER PROCESSING\n\n',
    error: errorBody,
    streamError: () => {
      const error = { code: 'server_error', message: 'Provider disconnected unexpectedly' };
      const choice = { index: 0, delta: { content: '' }, finish_reason: 'error', native_finish_reason: 'error' };
      return `data: ${JSON.stringify({ id: 'gen-test', object: 'chat.completion.chunk', error, choices: [choice] })}\n\n`;
    },
    refuse: (body) => (isRoute ? tooDear(route, body) : route),
    finishUsage: (usage) => (isRoute ? charge(route, usage) : usage),
    extra: () => (isRoute ? originOf(route) : {}),
  };
}

function originOf({ model, endpoint }: Route): Record<string, unknown> {
  return { model: model.posesAs ?? model.slug ?? model.id, provider: endpoint.provider, ...model.says };
}

/** The account pays in advance: what the answer may cost at most must be there. */
function tooDear(route: Route, body: ChatBody): Refusal | null {
  const left = remainingUsd(market.account);
  const asked = body.max_completion_tokens ?? body.max_tokens ?? 0;
  if (left === null || (left > 0 && costUsd(route, 0, asked) <= left)) return null;
  const affordable = Math.floor((left * 1e6) / route.endpoint.completionUsdPerMillion);
  const message =
    left > 0
      ? `This request requires more credits, or fewer max_tokens. You requested up to ${asked} tokens, but can only afford ${affordable}.`
      : 'Insufficient credits. Add more using https://openrouter.ai/settings/credits';
  return { status: 402, message, type: 'payment_required' };
}

function charge(route: Route, usage: Usage): Usage {
  const cost = costUsd(route, Number(usage['prompt_tokens']), Number(usage['completion_tokens']));
  market.account.usageUsd += cost;
  return {
    ...usage,
    cost,
    is_byok: false,
    prompt_tokens_details: { cached_tokens: 0 },
    cost_details: { upstream_inference_cost: null },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

async function handle(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  const action = `${request.method} ${url.pathname}`;
  if (action === 'GET /api/v1/models') return sendJson(response, 200, { data: market.models.map(describe) });
  if (request.headers.authorization !== `Bearer ${market.apiKey}`) {
    const message = request.headers.authorization === undefined ? 'No auth credentials found' : 'User not found.';
    return sendJson(response, 401, errorBody(401, message));
  }
  if (action === 'GET /api/v1/key') return sendKey(call);
  if (action !== 'POST /api/v1/chat/completions') return sendJson(response, 404, errorBody(404, 'Not Found'));
  await answerChat(state, dialectOf(route(call.body)), call);
}

function route(text: string): Route | Refusal {
  try {
    return routeOf(market, JSON.parse(text) as ChatBody);
  } catch {
    return { status: 400, message: 'Invalid JSON', type: 'invalid_request' };
  }
}

function sendKey({ response }: EngineCall): void {
  const { account, apiKey } = market;
  const status = state.faults.keyStatus ?? 200;
  if (status !== 200) return sendJson(response, status, errorBody(status, 'Internal Server Error'));
  sendJson(response, 200, {
    data: {
      label: `${apiKey.slice(0, 12)}...`,
      limit: account.limitUsd,
      limit_remaining: remainingUsd(account),
      limit_reset: null,
      usage: account.usageUsd,
      usage_daily: account.usageUsd,
      usage_weekly: account.usageUsd,
      usage_monthly: account.usageUsd,
      byok_usage: 0,
      byok_usage_daily: 0,
      byok_usage_weekly: 0,
      byok_usage_monthly: 0,
      include_byok_in_limit: false,
      is_free_tier: account.isFreeTier,
      is_management_key: false,
      rate_limit: { requests: -1, interval: '10s', note: 'This field is deprecated and safe to ignore.' },
    },
  });
}

function describe({ id, slug, contextTokens, endpoints }: OpenRouterMarket['models'][number]): unknown {
  const [cheapest] = endpoints.toSorted((a, b) => a.promptUsdPerMillion - b.promptUsdPerMillion);
  return {
    id,
    canonical_slug: slug ?? id,
    name: id,
    created: 1_780_000_000,
    context_length: contextTokens,
    architecture: { modality: 'text->text', input_modalities: ['text'], output_modalities: ['text'] },
    pricing: {
      prompt: perToken(cheapest?.promptUsdPerMillion ?? 0),
      completion: perToken(cheapest?.completionUsdPerMillion ?? 0),
    },
    top_provider: { context_length: contextTokens, max_completion_tokens: null, is_moderated: false },
    supported_parameters: ['max_tokens', 'reasoning', 'stop', 'temperature', 'top_p'],
  };
}

/** Prices are strings of US dollars a token. */
function perToken(usdPerMillion: number): string {
  return (usdPerMillion / 1e6).toFixed(12).replace(/\.?0+$/, '');
}

await runEngine({
  state,
  target: { host: line.text('host') ?? '127.0.0.1', port: line.number('port') ?? 0 },
  handle,
  terminate: () => process.exit(0),
  report: { progress: () => undefined, compiling: () => undefined, crashed: () => undefined },
});
