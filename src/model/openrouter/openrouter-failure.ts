// What OpenRouter's errors mean to a caller: no provider that keeps our rules is a refusal, an empty account is the
// operator's, a limit says when to come again.
import { clean, httpFailure } from '../model-failure.ts';
import type { FailureContext } from '../model-failure.ts';
import type { ServerError } from '../chat-chunk.ts';
import { ModelError } from '../model-error.ts';

export interface OpenRouterError {
  status: number;
  error: ServerError;
  /** The whole body, for its `error.metadata`. */
  json: Readonly<Record<string, unknown>>;
  /** In lower case; empty for an error inside an answer. */
  headers: Readonly<Record<string, string | undefined>>;
  costUsd: number | undefined;
}

const NO_PROVIDER = /no (?:allowed )?(?:endpoints?|providers?)|data policy/i;
const FLAGGED = /moderation|flagged/i;
/** A limit that ends tomorrow is one for the breaker, not for a wait. */
const LONGEST_WAIT_S = 86_400;

export function openRouterFailure(failure: OpenRouterError, models: string, context: FailureContext): ModelError {
  const { status, error, costUsd } = failure;
  const reason = clean(error.message, context);
  if (status === 404 && NO_PROVIDER.test(error.message)) {
    return new ModelError(
      'backend',
      'PRIVACY_REFUSED',
      `No provider of ${models} keeps the rules that were asked for: ${reason}`,
      { hint: 'Choose other openrouter.models, or allow a higher openrouter.max_price_*', costUsd },
    );
  }
  const said = `OpenRouter answered ${status}${reason === '' ? '' : `: ${reason}`}`;
  if (status === 401) {
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Check openrouter.api_key or openrouter.api_key_file',
      costUsd,
    });
  }
  if (status === 402) {
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Add credit at openrouter.ai, raise the limit of the key, or lower model.max_output_tokens',
      costUsd,
    });
  }
  if (status === 403) {
    const isFlagged = FLAGGED.test(error.message);
    return new ModelError(isFlagged ? 'request' : 'backend', 'MODEL_FAILED', said, {
      hint: isFlagged ? 'Ask in other words, or choose another backend' : 'See what the key may do at openrouter.ai',
      costUsd,
    });
  }
  if (status === 404) {
    return new ModelError('backend', 'MODEL_FAILED', said, {
      hint: 'Check openrouter.models and openrouter.base_url',
      costUsd,
    });
  }
  const retryAfter = retryAfterOf(failure);
  return httpFailure(status, error, context, { costUsd, ...(retryAfter !== undefined && { retryAfter }) });
}

/** `Retry-After`, else the time at which the limit begins anew: a header, or a field of the body that quotes it. */
function retryAfterOf({ headers, json }: OpenRouterError): string | undefined {
  const own = headers['retry-after'];
  if (own !== undefined) return own;
  const quoted = fieldOf(fieldOf(fieldOf(json, 'error'), 'metadata'), 'headers');
  const resetAt = Number(headers['x-ratelimit-reset'] ?? fieldOf(quoted, 'X-RateLimit-Reset'));
  if (!Number.isFinite(resetAt) || resetAt <= 0) return undefined;
  const resetAtMs = resetAt > 1e12 ? resetAt : resetAt * 1000;
  const waitS = Math.ceil((resetAtMs - Date.now()) / 1000);
  return waitS > LONGEST_WAIT_S ? undefined : String(Math.max(0, waitS));
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
