// A model server whose address, name or key may change while the daemon runs: a worker that is started on another port, a
// model name that was edited. Guarantees: a request keeps the server it began with; an old connection pool is closed once
// its last request has ended.
import { AppError } from '../lib/app-error.ts';
import type { BackendStatus, ChatBackend, ChatReply, ChatRequest } from './chat-backend.ts';
import { openOpenAiBackend } from './openai-compatible.ts';
import type { OpenAiBackend } from './openai-compatible.ts';
import type { OpenAiOptions } from './openai-options.ts';

interface Open {
  key: string;
  backend: OpenAiBackend;
  requests: number;
}

export class LiveBackend implements ChatBackend, AsyncDisposable {
  readonly name: string;
  readonly #options: () => OpenAiOptions | null;
  readonly #closing = new Set<Promise<void>>();
  #open: Open | null = null;

  /** `options` is asked before each request; null while there is no address yet. */
  constructor(name: string, options: () => OpenAiOptions | null) {
    this.name = name;
    this.#options = options;
  }

  status(): BackendStatus {
    return this.#open?.backend.status() ?? { state: 'ok', reason: 'not asked yet' };
  }

  async complete(request: ChatRequest): Promise<ChatReply> {
    return await this.#use((backend) => backend.complete(request));
  }

  async listModels(): Promise<readonly string[]> {
    return await this.#use((backend) => backend.listModels());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#open !== null) this.#close(this.#open);
    await Promise.all(this.#closing);
  }

  async #use<T>(work: (backend: OpenAiBackend) => Promise<T>): Promise<T> {
    const open = this.#current();
    open.requests += 1;
    try {
      return await work(open.backend);
    } finally {
      open.requests -= 1;
      if (open !== this.#open && open.requests === 0) this.#close(open);
    }
  }

  #current(): Open {
    const options = this.#options();
    if (options === null) {
      throw new AppError('MODEL_UNAVAILABLE', `The model server ${this.name} has no address yet`, {
        hint: 'It gets one when it is started; "mem-agent worker status" says why it is not',
        retryAfterS: 5,
      });
    }
    const key = JSON.stringify([options.baseUrl, options.model, options.apiKey]);
    if (this.#open?.key === key) return this.#open;
    const old = this.#open;
    this.#open = { key, backend: openOpenAiBackend({ ...options, name: this.name }), requests: 0 };
    if (old !== null && old.requests === 0) this.#close(old);
    return this.#open;
  }

  #close(open: Open): void {
    const closing = open.backend[Symbol.asyncDispose]().finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
