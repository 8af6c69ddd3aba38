// Reads one chat completion off the wire, streamed or whole, from any server that speaks the OpenAI protocol.
// Guarantees: an error counts wherever it stands, a stream that breaks off is never taken for an answer, and tokens that
// cost money are read to the end.
import type { Dispatcher } from 'undici';
import { AppError } from '../lib/app-error.ts';
import { AnswerText } from './answer-text.ts';
import type { ChatReply, ChatRequest } from './chat-backend.ts';
import { parseChunk } from './chat-chunk.ts';
import type { ChatChunk, ServerError } from './chat-chunk.ts';
import { ModelError } from './model-error.ts';
import { brokenOff } from './model-failure.ts';
import type { FailureContext } from './model-failure.ts';
import { headerOf, readBody } from './model-http.ts';
import type { RequestLimits } from './model-http.ts';
import { readSseStream } from './sse-stream.ts';

export interface Answer {
  text: string;
  finishReason: ChatReply['finishReason'];
  usage: ChatChunk['usage'];
  /** As the server names it; null if it does not. */
  model: string | null;
  firstAtMs: number | null;
}

export interface Reading {
  request: Pick<ChatRequest, 'isComplete' | 'signal'>;
  limits: RequestLimits;
  context: FailureContext;
  /** Read on when the rest is of no use: it is paid for. */
  paid: boolean;
  stallTimeoutMs: number;
  /** What an error inside an answer becomes; it costs 0 while nothing has been generated, later nobody knows. */
  failure(status: number, error: ServerError, chunk: ChatChunk, costUsd: 0 | undefined): AppError;
  /** Looks at each piece before its text counts; throws for an answer that must not be believed. */
  check?(chunk: ChatChunk): void;
}

export async function readAnswer(response: Dispatcher.ResponseData, reading: Reading): Promise<Answer> {
  const reader = new AnswerReader(reading);
  if (headerOf(response, 'content-type')?.includes('text/event-stream') === true) return await reader.stream(response);
  return reader.whole(await readBody(response));
}

class AnswerReader {
  readonly #reading: Reading;
  readonly #text = new AnswerText();
  readonly #answer: Omit<Answer, 'text'> = { finishReason: 'stop', usage: null, model: null, firstAtMs: null };
  #isEnded = false;

  constructor(reading: Reading) {
    this.#reading = reading;
  }

  whole(body: string): Answer {
    const chunk = this.#take(body);
    this.#text.add(chunk.reasoning, chunk.content);
    return this.#result();
  }

  async stream(response: Dispatcher.ResponseData): Promise<Answer> {
    const { request, limits, context } = this.#reading;
    try {
      for await (const item of readSseStream(response.body as AsyncIterable<Buffer>)) {
        if (item.kind === 'done') {
          this.#isEnded = true;
          break;
        }
        const isEnough = this.#add(this.#take(item.data));
        if (isEnough) return { ...this.#result(), finishReason: 'complete' };
      }
    } catch (error) {
      // Once the model has finished, only its token count can still go missing.
      if (this.#isEnded && !request.signal.aborted && !(error instanceof AppError)) return this.#result();
      if (limits.signal.aborted) throw limits.signal.reason;
      throw error instanceof AppError ? error : brokenOff(context, error);
    }
    if (!this.#isEnded) throw brokenOff(context);
    return this.#result();
  }

  /** True when a free server may stop. */
  #add({ content, reasoning }: ChatChunk): boolean {
    if (content === '' && reasoning === '') return false;
    const { request, limits, context, paid, stallTimeoutMs } = this.#reading;
    limits.progress(stallTimeoutMs, context);
    this.#answer.firstAtMs ??= performance.now();
    this.#text.add(reasoning, content);
    // Asked in any case: whoever watches for signs of life hears it.
    const isComplete = !this.#isEnded && request.isComplete(this.#text.text);
    return isComplete && !paid;
  }

  #take(data: string): ChatChunk {
    const { context, failure, check } = this.#reading;
    const chunk = parseChunk(data);
    const costUsd = this.#text.isEmpty ? 0 : undefined;
    if (chunk.error !== null) throw failure(chunk.error.status ?? 502, chunk.error, chunk, costUsd);
    check?.(chunk);
    if (chunk.finishReason === 'error') throw brokenOff(context);
    if (chunk.finishReason === 'content_filter') {
      throw new ModelError('request', 'MODEL_FAILED', `The model server ${context.server} withheld its answer`, {
        hint: 'Ask in other words, or choose another backend',
      });
    }
    const answer = this.#answer;
    answer.usage = chunk.usage ?? answer.usage;
    answer.model ??= chunk.model;
    if (chunk.finishReason !== null) {
      this.#isEnded = true;
      answer.finishReason = chunk.finishReason === 'length' ? 'length' : 'stop';
    }
    return chunk;
  }

  #result(): Answer {
    return { ...this.#answer, text: this.#text.text };
  }
}
