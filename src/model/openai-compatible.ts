// Any server with the OpenAI chat API: vLLM, MLX, LM Studio, Ollama, llama.cpp, LiteLLM, a paid one.
// Guarantees: streams, stops a free server as soon as the answer is whole, counts tokens always, never shows the key,
// and retries only before anything of the answer has arrived.
import type { Dispatcher } from 'undici';
import { AppError } from '../lib/app-error.ts';
import { estimateMessagesTokens, estimateTokens } from '../lib/token-estimate.ts';
import type { BackendStatus, ChatBackend, ChatReply, ChatRequest } from './chat-backend.ts';
import { parseErrorBody } from './chat-chunk.ts';
import { costOfFailure, ModelError } from './model-error.ts';
import { ModelDiscovery } from './model-discovery.ts';
import { clean, connectionFailure, httpFailure } from './model-failure.ts';
import type { FailureContext } from './model-failure.ts';
import { headerOf, ModelHttp, readBody, RequestLimits } from './model-http.ts';
import { parseBaseUrl } from './openai-options.ts';
import type { OpenAiOptions } from './openai-options.ts';
import { readAnswer } from './read-answer.ts';

const DISCOVERY_TIMEOUT_MS = 10_000;
/** Names in a refusal that tell which of our extra fields the server does not know. */
const EXTRA_FIELD = /top_k|min_p|stream_options|continuous_usage_stats|include_usage/;

/** Must be closed with `Symbol.asyncDispose`. Throws CONFIG_INVALID for an address or key that can't be one. */
export function openOpenAiBackend(options: OpenAiOptions): OpenAiBackend {
  return new OpenAiBackend(options);
}

export class OpenAiBackend implements ChatBackend, AsyncDisposable {
  readonly name: string;
  readonly #options: OpenAiOptions;
  readonly #http: ModelHttp;
  readonly #discovery: ModelDiscovery;
  readonly #context: FailureContext;
  #plainFieldsOnly: boolean;
  #status: BackendStatus;

  constructor(options: OpenAiOptions) {
    this.name = options.name ?? 'openai';
    this.#options = options;
    this.#context = { server: parseBaseUrl(options.baseUrl).shown, apiKey: options.apiKey };
    this.#http = new ModelHttp(options);
    this.#discovery = new ModelDiscovery(() => this.#fetchModels());
    this.#plainFieldsOnly = options.paid;
    this.#status =
      options.trust === 'local' || options.cloud !== undefined
        ? { state: 'ok', reason: 'not asked yet' }
        : { state: 'failed', reason: cloudRefused(this.#context.server).message };
  }

  status(): BackendStatus {
    return this.#status;
  }

  async complete(request: ChatRequest): Promise<ChatReply> {
    const { trust, cloud } = this.#options;
    if (trust === 'local') return await this.#ask(request);
    if (cloud === undefined) throw cloudRefused(this.#context.server);
    const target = { backend: this.name, model: this.#givenModel || 'the first it lists', price: cloud.price };
    return await cloud.guard.ask(request, target, (screened) => this.#ask(screened));
  }

  async #ask(request: ChatRequest): Promise<ChatReply> {
    try {
      const reply = await this.#complete(request);
      this.#status = { state: 'ok', reason: `answered as ${clean(reply.model, this.#context)}` };
      return reply;
    } catch (error) {
      const failure = connectionFailure(error, this.#context);
      // Who hangs up says nothing about the server.
      if (!request.signal.aborted) {
        this.#status = { state: failure.code === 'MODEL_UNAVAILABLE' ? 'failed' : 'degraded', reason: failure.message };
      }
      throw failure;
    }
  }

  /** Asks the server which models it has; for `doctor`. */
  async listModels(): Promise<readonly string[]> {
    this.#discovery.forget();
    return await this.#discovery.names();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http[Symbol.asyncDispose]();
  }

  async #complete(request: ChatRequest): Promise<ChatReply> {
    const startedMs = performance.now();
    using limits = new RequestLimits(request.signal, this.#options.requestTimeoutMs, this.#context);
    const model = await this.#modelName();
    const response = await this.#send(request, model, limits);
    const { paid, stallTimeoutMs } = this.#options;
    const context = this.#context;
    const answer = await readAnswer(response, {
      request,
      limits,
      context,
      paid,
      stallTimeoutMs,
      failure: (status, error, _chunk, costUsd) => httpFailure(status, error, context, { costUsd }),
    });
    const estimated = {
      inputTokens: estimateMessagesTokens(request.messages),
      outputTokens: estimateTokens(answer.text),
    };
    return {
      text: answer.text,
      finishReason: answer.finishReason,
      ...(answer.usage ?? estimated),
      tokensEstimated: answer.usage === null,
      timeToFirstTokenMs: (answer.firstAtMs ?? performance.now()) - startedMs,
      durationMs: performance.now() - startedMs,
      backend: this.name,
      model,
      degraded: false,
    };
  }

  /** The response to a request that the server accepted; its own faults are errors already. */
  async #send(request: ChatRequest, model: string, limits: RequestLimits): Promise<Dispatcher.ResponseData> {
    const sentPlain = this.#plainFieldsOnly;
    const body = JSON.stringify(this.#body(request, model));
    const response = await this.#requestTwice(body, limits);
    if (response.statusCode < 400) return response;
    const error = parseErrorBody(await readBody(response));
    if ((response.statusCode === 400 || response.statusCode === 422) && !sentPlain && EXTRA_FIELD.test(error.message)) {
      this.#plainFieldsOnly = true;
      this.#options.onEvent?.({ kind: 'plain-fields-only', reason: clean(error.message, this.#context) });
      return await this.#send(request, model, limits);
    }
    if (response.statusCode === 404 && (await this.#hasOtherModel(model))) {
      return await this.#send(request, await this.#modelName(), limits);
    }
    const retryAfter = headerOf(response, 'retry-after');
    throw httpFailure(response.statusCode, error, this.#context, { retryAfter, costUsd: 0 });
  }

  /** Servers close idle connections just when we use them: one more try costs nothing, nothing has happened yet. */
  async #requestTwice(body: string, limits: RequestLimits): Promise<Dispatcher.ResponseData> {
    const post = { method: 'POST', path: '/chat/completions', body, limits } as const;
    try {
      return await this.#http.request(post);
    } catch (error) {
      if (limits.signal.aborted) throw limits.signal.reason;
      const failure = connectionFailure(error, this.#context);
      if (failure.message.includes('UND_ERR_CONNECT_TIMEOUT')) throw failure;
      // What may have arrived, and cost money, is not sent again behind the back of whoever set money aside for it.
      if (this.#options.trust === 'cloud' && costOfFailure(failure) !== 0) throw failure;
      this.#options.onEvent?.({ kind: 'retried', reason: failure.message });
      return await this.#http.request(post);
    }
  }

  #body(request: ChatRequest, model: string): Record<string, unknown> {
    const { temperature, topP, topK, minP } = this.#options;
    const plain = {
      model,
      messages: request.messages,
      temperature,
      top_p: topP,
      max_tokens: request.maxOutputTokens,
      stream: true,
    };
    if (this.#plainFieldsOnly)
      return this.#options.paid ? { ...plain, stream_options: { include_usage: true } } : plain;
    return {
      ...plain,
      // 0 is off everywhere; mlx_lm.server hangs up at a negative one.
      top_k: Math.max(0, topK),
      min_p: minP,
      stream_options: { include_usage: true, continuous_usage_stats: true },
    };
  }

  async #modelName(): Promise<string> {
    return this.#givenModel === '' ? await this.#discovery.first() : this.#givenModel;
  }

  get #givenModel(): string {
    return this.#options.currentModel?.() ?? this.#options.model ?? '';
  }

  /** After a 404: whether the server meanwhile offers another model than the one we asked for. */
  async #hasOtherModel(asked: string): Promise<boolean> {
    this.#discovery.forget();
    const names = await this.#discovery.names();
    if (this.#givenModel === '') return names.length > 0 && names[0] !== asked;
    throw new ModelError('backend', 'MODEL_FAILED', `The model server ${this.#context.server} has no model ${asked}`, {
      hint: `Set model.name to one it has: ${clean(names.slice(0, 5).join(', '), this.#context) || 'none is loaded'}`,
    });
  }

  async #fetchModels(): Promise<string> {
    using limits = new RequestLimits(new AbortController().signal, DISCOVERY_TIMEOUT_MS, this.#context);
    try {
      const response = await this.#http.request({ method: 'GET', path: '/models', limits });
      const body = await readBody(response);
      if (response.statusCode < 400) return body;
      const retryAfter = headerOf(response, 'retry-after');
      throw httpFailure(response.statusCode, parseErrorBody(body), this.#context, { retryAfter });
    } catch (error) {
      throw connectionFailure(error, this.#context);
    }
  }
}

function cloudRefused(server: string): AppError {
  return new AppError(
    'CONSENT_REQUIRED',
    `The model server ${server} is not on this machine and nobody has agreed to use it`,
    {
      hint: 'If it is your own, set model.trust = "local"',
    },
  );
}
