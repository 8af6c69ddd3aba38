// llama.cpp's `llama-server -m …` as a real process: listens at once and answers 503 while it loads; metrics only with --metrics.
// Faults and control as for the others.
import { answerChat } from './chat-answer.ts';
import type { Dialect } from './chat-answer.ts';
import { parseCommandLine } from './command-line.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { sendJson } from './engine-http.ts';
import type { EngineCall } from './engine-http.ts';
import { writeLog } from './engine-log.ts';
import { runEngine } from './engine-program.ts';
import { EngineState } from './engine-state.ts';
import { PrometheusText } from './prometheus-text.ts';
import { scriptFromEnvironment } from './script.ts';

const line = parseCommandLine(process.argv.slice(2), {
  program: 'llama-server',
  maxPositionals: 0,
  exitCode: 1,
  aliases: {
    m: 'model',
    c: 'ctx-size',
    a: 'alias',
    n: 'n-predict',
    predict: 'n-predict',
    np: 'parallel',
    ngl: 'n-gpu-layers',
    'gpu-layers': 'n-gpu-layers',
    hf: 'hf-repo',
    t: 'threads',
    b: 'batch-size',
    ub: 'ubatch-size',
    fa: 'flash-attn',
    to: 'timeout',
    ctk: 'cache-type-k',
    ctv: 'cache-type-v',
  },
  flags: {
    model: 'text',
    'hf-repo': 'text',
    alias: 'text',
    host: 'text',
    port: 'number',
    'api-key': 'text',
    'api-key-file': 'text',
    'ctx-size': 'number',
    'n-predict': 'number',
    'n-gpu-layers': 'text',
    parallel: 'number',
    threads: 'number',
    'batch-size': 'number',
    'ubatch-size': 'number',
    'flash-attn': 'text',
    'cache-type-k': 'text',
    'cache-type-v': 'text',
    'reasoning-format': 'text',
    'reasoning-budget': 'number',
    'chat-template': 'text',
    'chat-template-file': 'text',
    'cache-reuse': 'number',
    timeout: 'number',
    temp: 'number',
    metrics: 'switch',
    slots: 'switch',
    props: 'switch',
    jinja: 'switch',
    webui: 'switch',
    mlock: 'switch',
    mmap: 'switch',
    offline: 'switch',
    warmup: 'switch',
    'log-disable': 'switch',
  },
});
const model = line.text('model') ?? line.text('hf-repo') ?? '';
const apiKey = line.text('api-key') ?? process.env['LLAMA_API_KEY'];
const host = line.text('host') ?? '127.0.0.1';
const port = line.number('port') ?? 8080;
// A host that ends so is a socket.
const socketPath = host.endsWith('.sock') ? host : undefined;
const createdS = Math.floor(Date.now() / 1000);
const state = new EngineState(
  [line.text('alias') ?? model],
  faultsFromEnvironment(process.env),
  line.number('parallel'),
);
state.script = scriptFromEnvironment(process.env);
let isEnding = false;

const dialect: Dialect = {
  thinkField: line.text('reasoning-format') === 'none' ? null : 'reasoning_content',
  reasoningField: 'reasoning_content',
  defaultMaxTokens: Infinity,
  usageInStream: 'on-request',
  hasContinuousUsage: false,
  error: errorBody,
  streamError: () => `error: ${JSON.stringify(errorBody(500, 'Compute error.', 'server_error').error)}\n\n`,
  // One model: whatever it is called.
  refuse: () => null,
  extra: () => ({ system_fingerprint: 'b8681-deb' }),
};

function errorBody(code: number, message: string, type: string): { error: Record<string, unknown> } {
  return { error: { code, message, type } };
}

async function handle(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  const path = url.pathname.replace(/^\/v1/, '');
  response.on('finish', () => {
    writeLog(`srv  log_server_r: request: ${request.method} ${url.pathname} 127.0.0.1 ${response.statusCode}\n`);
  });
  const isPublic = path === '/health' || path === '/models';
  if (apiKey !== undefined && !isPublic && request.headers.authorization !== `Bearer ${apiKey}`) {
    return sendJson(response, 401, errorBody(401, 'Invalid API Key', 'authentication_error'));
  }
  if (state.isLoading) return sendJson(response, 503, errorBody(503, 'Loading model', 'unavailable_error'));
  switch (`${request.method} ${path}`) {
    case 'GET /health':
      return sendJson(response, state.faults.healthStatus ?? 200, { status: 'ok' });
    case 'GET /models':
      return sendJson(response, 200, listModels());
    case 'GET /props':
      return sendJson(response, 200, { model_path: model, total_slots: line.number('parallel') ?? 4 });
    case 'GET /metrics':
      return sendMetrics(call);
    case 'POST /chat/completions':
    case 'POST /completions':
      return await answerChat(state, dialect, call);
    default:
      sendJson(response, 404, errorBody(404, 'File Not Found', 'not_found_error'));
  }
}

function listModels(): unknown {
  const names = state.faults.wrongModelName === undefined ? state.models : [state.faults.wrongModelName];
  const meta = { n_ctx_train: 32_768, size: 2_400_000_000 };
  return {
    object: 'list',
    data: names.map((id) => ({ id, object: 'model', created: createdS, owned_by: 'llamacpp', meta })),
  };
}

function sendMetrics({ response }: EngineCall): void {
  if (!line.has('metrics')) {
    const message = 'This server does not support metrics endpoint. Start it with `--metrics`';
    return sendJson(response, 501, errorBody(501, message, 'not_supported_error'));
  }
  const { meter } = state;
  const text = new PrometheusText({})
    .counter('llamacpp:prompt_tokens_total', meter.promptTokens, 'Number of prompt tokens processed.')
    .counter('llamacpp:prompt_seconds_total', meter.prefillTime.sum, 'Prompt process time')
    .counter('llamacpp:tokens_predicted_total', meter.generationTokens, 'Number of generation tokens processed.')
    .counter('llamacpp:tokens_predicted_seconds_total', meter.interTokenLatency.sum, 'Predict process time')
    .counter('llamacpp:n_decode_total', meter.iterationTokens.count, 'Total number of llama_decode() calls')
    .gauge('llamacpp:n_busy_slots_per_decode', meter.running, 'Average number of busy slots per llama_decode() call')
    .gauge('llamacpp:requests_processing', meter.running, 'Number of requests processing.')
    .gauge('llamacpp:requests_deferred', meter.waiting, 'Number of requests deferred.')
    .gauge('llamacpp:prompt_tokens_seconds', 0, 'Average prompt throughput in tokens/s.')
    .gauge('llamacpp:predicted_tokens_seconds', 0, 'Average generation throughput in tokens/s.');
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(text.toString());
}

await runEngine({
  state,
  target: { host, port, ...(socketPath === undefined ? {} : { socketPath }) },
  handle,
  listensWhileLoading: true,
  terminate: (server) => {
    // The second signal does not wait.
    if (isEnding) process.exit(1);
    isEnding = true;
    writeLog('srv    operator(): operator(): cleaning up before exit...\n');
    server?.close();
    setTimeout(() => process.exit(0), 10);
  },
  report: {
    progress: (done, total) =>
      writeLog(
        done === 0 ? 'load_tensors: loading model tensors, this can take a while...\n' : done === total ? '\n' : '.',
      ),
    compiling: () => writeLog('common_init_from_params: warming up the model with an empty run - please wait ...\n'),
    crashed: () => writeLog(`llama_model_load: error loading model: failed to load model '${model}'\n`),
  },
  onListening: () => writeLog(`main: server is listening on http://${host}:${port} - starting the main loop\n`),
});
