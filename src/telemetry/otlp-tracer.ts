// Spans for a collector that speaks OTLP over HTTP (OpenTelemetry), sent in batches beside the work.
// Guarantees: the current span follows the work through every await; nothing of the library is global; at the end what is
// collected is sent, for at most SEND_MS.
import { AsyncLocalStorage } from 'node:async_hooks';
import { isSpanContextValid, ROOT_CONTEXT, SpanStatusCode, trace, type Context } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace';
import { toAppError } from '../lib/app-error.ts';
import type { Logger } from './logger.ts';
import type { OpenTracer, TracerOptions } from './tracer.ts';

const SEND_MS = 2000;
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

export function openOtlpTracer({ endpoint, token, ratio, version, logger }: TracerOptions): OpenTracer {
  const exporter = new OTLPTraceExporter({
    url: endpoint,
    headers: token === '' ? {} : { authorization: `Bearer ${token}` },
    timeoutMillis: SEND_MS,
  });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': 'mem-agent', 'service.version': version }),
    // The share counts for requests whose client does not trace; one that does decides for its own.
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: reportFailures(exporter, endpoint, logger) })],
  });
  const tracer = provider.getTracer('mem-agent', version);
  const current = new AsyncLocalStorage<Context>();

  return {
    async span({ name, attributes = {}, traceparent }, work) {
      const parent = current.getStore() ?? parentOf(traceparent);
      const span = tracer.startSpan(name, { attributes: { ...attributes } }, parent);
      try {
        return await current.run(trace.setSpan(parent, span), () =>
          work({ set: (more) => void span.setAttributes({ ...more }) }),
        );
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR, message: toAppError(error).code });
        throw error;
      } finally {
        span.end();
      }
    },
    [Symbol.asyncDispose]: () => provider.shutdown(),
  };
}

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function parentOf(traceparent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = '0'] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return isSpanContextValid(parent) ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
}

/** A collector that does not take spans is said once, and once more when it does again. */
function reportFailures(exporter: SpanExporter, endpoint: string, logger: Logger): SpanExporter {
  let isFailing = false;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed !== isFailing) {
          isFailing = failed;
          const facts = { component: 'telemetry', endpoint: new URL(endpoint).host };
          if (failed) logger.warn({ ...facts, reason: result.error?.message }, 'traces are not taken');
          else logger.info(facts, 'traces are taken again');
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    ...(exporter.forceFlush !== undefined && { forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve() }),
  };
}
