// `/metrics` as vLLM 0.18 to 0.32 gives it: the current names, labelled with model and engine.
// Guarantee: while the core hangs the text is the one of before, because the figures come from the core.
import type { EngineState } from './engine-state.ts';
import { PrometheusText } from './prometheus-text.ts';

export interface VllmMetricsOptions {
  /** False with `--disable-log-stats`. */
  withStats: boolean;
  /** True with `--enable-fault-tolerance`. */
  withHealth: boolean;
}

export function createVllmMetrics(state: EngineState, options: VllmMetricsOptions): () => string {
  let last = '';
  return () => {
    if (!options.withStats) return processMetrics();
    if (!state.isHung || last === '') last = render(state, options.withHealth);
    return last;
  };
}

function processMetrics(): string {
  return new PrometheusText({})
    .gauge('process_resident_memory_bytes', process.memoryUsage.rss(), 'Resident memory size in bytes.')
    .toString();
}

function render({ meter, models, sleepLevel }: EngineState, withHealth: boolean): string {
  const names = ['awake', 'weights_offloaded', 'discard_all'];
  const sleepStates = Object.fromEntries(names.map((name, level) => [name, Number(level === sleepLevel)]));
  const text = new PrometheusText({ model_name: models[0] ?? '', engine: '0' })
    .gauge('vllm:num_requests_running', meter.running, 'Requests in model execution batches.')
    .gauge('vllm:num_requests_waiting', meter.waiting, 'Requests waiting to be processed.')
    .gauge('vllm:kv_cache_usage_perc', Math.min(1, meter.running / 256), 'KV-cache usage, 1 is all of it.')
    .family('vllm:engine_sleep_state', 'gauge', 'sleep_state', sleepStates, 'Engine sleep state.')
    .counter('vllm:prefix_cache_queries_total', meter.promptTokens, 'Prefix cache queries in tokens.')
    .counter('vllm:prefix_cache_hits_total', 0, 'Prefix cache hits in tokens.')
    .counter('vllm:num_preemptions_total', meter.preemptions, 'Preemptions.')
    .counter('vllm:prompt_tokens_total', meter.promptTokens, 'Prefill tokens processed.')
    .counter('vllm:generation_tokens_total', meter.generationTokens, 'Generation tokens processed.')
    .family('vllm:request_success_total', 'counter', 'finished_reason', meter.finished, 'Requests processed.')
    .histogram('vllm:iteration_tokens_total', meter.iterationTokens, 'Tokens per engine step.')
    .histogram('vllm:time_to_first_token_seconds', meter.timeToFirstToken, 'Time to first token.')
    .histogram('vllm:inter_token_latency_seconds', meter.interTokenLatency, 'Time between tokens.')
    .histogram('vllm:request_time_per_output_token_seconds', meter.interTokenLatency, 'Time per output token.')
    .histogram('vllm:e2e_request_latency_seconds', meter.endToEnd, 'End to end request latency.')
    .histogram('vllm:request_queue_time_seconds', meter.queueTime, 'Time spent waiting.')
    .histogram('vllm:request_prefill_time_seconds', meter.prefillTime, 'Time spent in prefill.')
    .histogram('vllm:request_decode_time_seconds', meter.endToEnd, 'Time spent in decode.')
    .histogram('vllm:request_inference_time_seconds', meter.endToEnd, 'Time spent running.')
    .family('vllm:cache_config_info', 'gauge', 'block_size', { 16: 1 }, 'The cache configuration.');
  if (withHealth) text.gauge('vllm:engine_healthy', 1, 'Whether the engine is healthy.');
  return `${text.toString()}${processMetrics()}`;
}
