// `/metrics` as vLLM 0.18 to 0.32 gives it: the current names, labelled with model and engine.
// Guarantee: while the core hangs the text is the one of before, because the figures come from the core.
import type { EngineState } from './engine-state.ts';
import { PrometheusText } from './prometheus-text.ts';

export function createVllmMetrics(
  state: EngineState,
  options: { withStats: boolean; withHealth: boolean },
): () => string {
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

function render({ meter, models, isAsleep }: EngineState, withHealth: boolean): string {
  const text = new PrometheusText({ model_name: models[0] ?? '', engine: '0' })
    .gauge('vllm:num_requests_running', meter.running, 'Number of requests in model execution batches.')
    .gauge('vllm:num_requests_waiting', meter.waiting, 'Number of requests waiting to be processed.')
    .gauge('vllm:kv_cache_usage_perc', Math.min(1, meter.running / 256), 'KV-cache usage. 1 means 100 percent usage.')
    .gauge('vllm:engine_sleep_state', isAsleep ? 0 : 1, 'Engine sleep state.', { sleep_state: 'awake' })
    .counter(
      'vllm:prefix_cache_queries_total',
      meter.promptTokens,
      'Prefix cache queries, in number of queried tokens.',
    )
    .counter('vllm:prefix_cache_hits_total', 0, 'Prefix cache hits, in number of cached tokens.')
    .counter('vllm:num_preemptions_total', meter.preemptions, 'Cumulative number of preemptions.')
    .counter('vllm:prompt_tokens_total', meter.promptTokens, 'Number of prefill tokens processed.')
    .counter('vllm:generation_tokens_total', meter.generationTokens, 'Number of generation tokens processed.')
    .counters(
      'vllm:request_success_total',
      'finished_reason',
      meter.finished,
      'Count of successfully processed requests.',
    )
    .histogram('vllm:iteration_tokens_total', meter.iterationTokens, 'Histogram of number of tokens per engine_step.')
    .histogram(
      'vllm:time_to_first_token_seconds',
      meter.timeToFirstToken,
      'Histogram of time to first token in seconds.',
    )
    .histogram(
      'vllm:inter_token_latency_seconds',
      meter.interTokenLatency,
      'Histogram of inter-token latency in seconds.',
    )
    .histogram('vllm:e2e_request_latency_seconds', meter.endToEnd, 'Histogram of e2e request latency in seconds.')
    .histogram('vllm:request_queue_time_seconds', meter.queueTime, 'Histogram of time spent in WAITING phase.')
    .histogram('vllm:request_prefill_time_seconds', meter.prefillTime, 'Histogram of time spent in PREFILL phase.')
    .histogram('vllm:request_decode_time_seconds', meter.decodeTime, 'Histogram of time spent in DECODE phase.')
    .gauge('vllm:cache_config_info', 1, 'Information of the LLMEngine CacheConfig', {
      block_size: '16',
      enable_prefix_caching: 'True',
      num_gpu_blocks: '8192',
    });
  if (withHealth) text.gauge('vllm:engine_healthy', 1, 'Whether the engine is healthy.');
  return `${text.toString()}${processMetrics()}`;
}
