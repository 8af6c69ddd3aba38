// Traces: whoever does something that takes time runs it in a span, whether anybody collects spans or not.
// Guarantees: no key, path, question or answer in a span; a collector that is gone costs nobody an answer.
import type { Logger } from './logger.ts';

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface Span {
  set(attributes: SpanAttributes): void;
}

export interface SpanStart {
  name: string;
  attributes?: SpanAttributes;
  /** W3C trace context of the caller (`00-TRACE-SPAN-FLAGS`), for the first span of a request; nonsense starts a trace anew. */
  traceparent?: string | undefined;
}

export interface Tracer {
  /** Runs `work` in a span below the one it is called in. What it throws is the span's error, by its code alone. */
  span<T>(start: SpanStart, work: (span: Span) => Promise<T>): Promise<T>;
}

export interface OpenTracer extends Tracer, AsyncDisposable {}

export interface TracerOptions {
  /** Where spans go (OTLP over HTTP, the whole URL); empty: nowhere. */
  endpoint: string;
  /** Bearer token, for a collector that asks who sends; empty for none. */
  token: string;
  /** Which share of the requests is traced, 0 to 1. */
  ratio: number;
  version: string;
  logger: Logger;
}

const silent: Span = { set: () => undefined };

export const noTracer: OpenTracer = {
  span: (_start, work) => work(silent),
  [Symbol.asyncDispose]: async () => undefined,
};

/** The library is loaded only where spans are collected: it takes memory and time to start. */
export async function openTracer(options: TracerOptions): Promise<OpenTracer> {
  if (options.endpoint === '') return noTracer;
  const { openOtlpTracer } = await import('./otlp-tracer.ts');
  return openOtlpTracer(options);
}
