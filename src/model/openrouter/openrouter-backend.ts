// OpenRouter: many models and providers behind one paid address, asked only through the cloud guard.
// Guarantees: our privacy rules, our price limit and max_tokens are in every request; an answer of another model or under
// weaker rules is refused; an answer is read to its end; the key never shows.
import type { Dispatcher } from 'undici';
import { estimateMessagesTokens, estimateTokens } from '../../lib/token-estimate.ts';
import type { BackendStatus, ChatBackend, ChatReply, ChatRequest } from '../chat-backend.ts';
import { parseErrorBody } from '../chat-chunk.ts';
import { ModelError } from '../model-error.ts';
import { clean, connectionFailure } from '../model-failure.ts';
import type { FailureContext } from '../model-failure.ts';
import { headerOf, ModelHttp, readBody, RequestLimits } from '../model-http.ts';
import { parseBaseUrl } from '../openai-options.ts';
import { readAnswer } from '../read-answer.ts';
import { OpenRouterCatalogue } from './openrouter-catalogue.ts';
import { openRouterFailure } from './openrouter-failure.ts';
import { OpenRouterKey } from './openrouter-key.ts';
import type { KeyStatus } from './openrouter-key.ts';
import { checkOpenRouterOptions, providerRules } from './openrouter-options.ts';
import type { OpenRouterOptions } from './openrouter-options.ts';
import { checkReplyPolicy } from './reply-policy.ts';

const LOOK_UP_TIMEOUT_MS = 10_000;

/** Must be closed with `Symbol.asyncDispose`. Throws CONFIG_INVALID. */
export function openOpenRouterBackend(options: OpenRouterOptions): OpenRouterBackend {
  checkOpenRouterOptions(options);
  return new OpenRouterBackend(options);
}

export class OpenRouterBackend implements ChatBackend, AsyncDisposable {
  readonly name = 'openrouter';
  readonly #options: OpenRouterOptions;
  readonly #http: ModelHttp;
  readonly #context: FailureContext;
  readonly #catalogue: OpenRouterCatalogue;
  readonly #key: OpenRouterKey;
  #status: BackendStatus = { state: 'ok', reason: 'not asked yet' };

  constructor(options: OpenRouterOptions) {
    this.#options = options;
    this.#context = { server: parseBaseUrl(options.baseUrl).shown, apiKey: options.apiKey };
    this.#http = new ModelHttp(options);
    this.#catalogue = new OpenRouterCatalogue(() => this.#lookUp('/models'), options.clock);
    this.#key = new OpenRouterKey(() => this.#lookUp('/key'), options.clock);
  }

  status(): BackendStatus {
    const { state, reason, remainingUsd } = this.#key.status;
    if (state === 'refused') return { state: 'failed', reason };
    if (remainingUsd !== null && remainingUsd <= 0) return { state: 'failed', reason: 'the key has no credit left' };
    return this.#status;
  }

  async complete(request: ChatRequest): Promise<ChatReply> {
    const { guard, models, maxPrice } = this.#options;
    const target = { backend: this.name, model: models.join(','), price: maxPrice };
    return await guard.ask(request, target, (screened) => this.#ask(screened));
  }

  /** Every model it offers; for `models list`. */
  async listModels(): Promise<readonly string[]> {
    return await this.#catalogue.names();
  }

  /** As last seen. */
  keyStatus(): KeyStatus {
    return this.#key.status;
  }

  /** Asks, at most once a minute; never rejects. */
  async checkKey(): Promise<KeyStatus> {
    return await this.#key.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #ask(request: ChatRequest): Promise<ChatReply> {
    try {
      const reply = await this.#complete(request);
      this.#status = { state: 'ok', reason: `answered as ${clean(reply.model, this.#context)}` };
      return reply;
    } catch (error) {
      const failure = connectionFailure(error, this.#context);
      if (!request.signal.aborted) {
        this.#status = { state: failure.code === 'MODEL_UNAVAILABLE' ? 'failed' : 'degraded', reason: failure.message };
      }
      throw failure;
    }
  }

  async #complete(request: ChatRequest): Promise<ChatReply> {
    const { requestTimeoutMs, stallTimeoutMs, models } = this.#options;
    const context = this.#context;
    const startedMs = performance.now();
    using limits = new RequestLimits(request.signal, requestTimeoutMs, context);
    const response = await this.#send(request, limits);
    const answer = await readAnswer(response, {
      request,
      limits,
      context,
      paid: true,
      stallTimeoutMs,
      check: (chunk) => checkReplyPolicy(chunk, this.#options),
      failure: (status, error, { json }, costUsd) =>
        openRouterFailure({ status, error, json, headers: {}, costUsd }, models.join(', '), context),
    });
    const { usage } = answer;
    const model = await this.#ours(answer.model, usage?.costUsd);
    return {
      text: answer.text,
      finishReason: answer.finishReason,
      inputTokens: usage?.inputTokens ?? estimateMessagesTokens(request.messages),
      outputTokens: usage?.outputTokens ?? estimateTokens(answer.text),
      tokensEstimated: usage === null,
      timeToFirstTokenMs: (answer.firstAtMs ?? performance.now()) - startedMs,
      durationMs: performance.now() - startedMs,
      backend: this.name,
      model,
      degraded: false,
      ...(usage?.costUsd !== undefined && { costUsd: usage.costUsd }),
    };
  }

  /** Sent once: what may have arrived has a price, and only one was set aside. */
  async #send(request: ChatRequest, limits: RequestLimits): Promise<Dispatcher.ResponseData> {
    const { temperature, topP, models } = this.#options;
    const [model] = models;
    const body = JSON.stringify({
      ...(models.length === 1 ? { model } : { models }),
      messages: request.messages,
      temperature,
      top_p: topP,
      max_tokens: request.maxOutputTokens,
      stream: true,
      provider: providerRules(this.#options),
    });
    let response: Dispatcher.ResponseData;
    try {
      response = await this.#http.request({ method: 'POST', path: '/chat/completions', body, limits });
    } catch (error) {
      if (limits.signal.aborted) throw limits.signal.reason;
      throw error;
    }
    if (response.statusCode >= 400) throw await this.#failureOf(response);
    return response;
  }

  async #failureOf(response: Dispatcher.ResponseData): Promise<ModelError> {
    const body = await readBody(response);
    const names = ['retry-after', 'x-ratelimit-reset'];
    const failure = {
      status: response.statusCode,
      error: parseErrorBody(body),
      json: parseObject(body),
      headers: Object.fromEntries(names.map((name) => [name, headerOf(response, name)])),
      costUsd: 0,
    };
    return openRouterFailure(failure, this.#options.models.join(', '), this.#context);
  }

  /** A dearer, weaker or unknown model may have been put in its place; the answer has cost what it cost. */
  async #ours(answered: string | null, costUsd: number | undefined): Promise<string> {
    const { models } = this.#options;
    let cause: unknown;
    try {
      if (answered !== null && (await this.#catalogue.isOneOf(answered, models))) return answered;
    } catch (error) {
      cause = error;
    }
    const named = answered === null ? 'no model by name' : clean(answered, this.#context);
    throw new ModelError(
      'backend',
      'MODEL_FAILED',
      `OpenRouter answered with ${named} instead of ${models.join(', ')}`,
      {
        hint: 'The answer was not used. Check openrouter.models',
        costUsd,
        cause,
      },
    );
  }

  async #lookUp(path: string): Promise<string> {
    using limits = new RequestLimits(new AbortController().signal, LOOK_UP_TIMEOUT_MS, this.#context);
    try {
      const response = await this.#http.request({ method: 'GET', path, limits });
      if (response.statusCode >= 400) throw await this.#failureOf(response);
      return await readBody(response);
    } catch (error) {
      throw connectionFailure(limits.signal.aborted ? limits.signal.reason : error, this.#context);
    }
  }
}

function parseObject(body: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(body);
    return typeof json === 'object' && json !== null ? { ...json } : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
