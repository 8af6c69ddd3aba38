// `vllm serve MODEL …` as a real process: its command line, HTTP, metrics and log lines; fails on request (engine-faults.ts).
// Tests steer it under /control/ (requests, received, script, models, faults). Environment: see fake-commands.ts.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerChat } from './chat-answer.ts';
import type { Dialect } from './chat-answer.ts';
import { parseCommandLine } from './command-line.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { announce, listen, sendJson } from './engine-http.ts';
import type { EngineCall } from './engine-http.ts';
import { logProgress, logUvicorn, logVllm, startFlood, writeLog } from './engine-log.ts';
import { load } from './engine-start.ts';
import { EngineState } from './engine-state.ts';
import { limitLifetime, onTermination } from './lifetime.ts';
import { scriptFromEnvironment } from './script.ts';
import { vllmGrammar } from './vllm-command-line.ts';
import { createVllmMetrics } from './vllm-metrics.ts';

const [command, ...rest] = process.argv.slice(2);
if (command !== 'serve') {
  const isVersion = command === '--version' || command === '-v';
  if (!isVersion) process.stderr.write('usage: vllm [-h] [-v] {chat,complete,serve,bench,collect-env,run-batch} ...\n');
  if (isVersion) process.stdout.write('0.18.0\n');
  process.exit(isVersion ? 0 : 2);
}
const line = parseCommandLine(rest, vllmGrammar);
const model = line.positionals[0] ?? line.text('model') ?? 'Qwen/Qwen3-0.6B';
const socketPath = line.text('uds');
const keys = line.list('api-key').length > 0 ? line.list('api-key') : [process.env['VLLM_API_KEY'] ?? ''];
const apiKeys = keys.filter((key) => key !== '');
const maxModelLength = line.number('max-model-len');
const shutdownTimeoutS = line.number('shutdown-timeout') ?? 0;
const hasSleep = line.has('enable-sleep-mode') && process.env['VLLM_SERVER_DEV_MODE'] === '1';
const unlogged = new Set((line.text('disable-access-log-for-endpoints') ?? '').split(','));
const startedS = Math.floor(Date.now() / 1000);
const servedNames = line.list('served-model-name');
const state = new EngineState(
  servedNames.length > 0 ? servedNames : [model],
  faultsFromEnvironment(process.env),
  line.number('max-num-seqs'),
);
state.script = scriptFromEnvironment(process.env);
const metrics = createVllmMetrics(state, {
  withStats: !line.has('disable-log-stats'),
  withHealth: line.has('enable-fault-tolerance'),
});
const promptLength = maxModelLength ?? 32_768;

const dialect: Dialect = {
  thinkField: line.text('reasoning-parser') === undefined ? null : 'reasoning',
  reasoningField: 'reasoning_content',
  defaultMaxTokens: promptLength,
  usageOnRequest: true,
  error: (status, message, type, param = null) => ({ error: { message, type, param, code: status } }),
  streamError: () =>
    'data: {"error": {"message": "EngineCore encountered an issue", "type": "InternalServerError", "param": null, "code": 500}}\n\n',
  finishUsage: (usage) =>
    line.has('enable-prompt-tokens-details') ? { ...usage, prompt_tokens_details: { cached_tokens: 0 } } : usage,
};

async function handle(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  response.on('finish', () => logAccess(call));
  if (line.has('enable-request-id-headers')) {
    response.setHeader('x-request-id', request.headers['x-request-id'] ?? crypto.randomUUID());
  }
  const { pathname } = url;
  // vLLM guards only what lies under /v1.
  if (pathname.startsWith('/v1') && apiKeys.length > 0 && !isAuthorized(request.headers.authorization)) {
    return sendJson(response, 401, { error: 'Unauthorized' });
  }
  switch (`${request.method} ${pathname}`) {
    case 'GET /health':
    case 'GET /ping':
      return void response.writeHead(state.faults.healthStatus ?? 200).end();
    case 'GET /version':
      return sendJson(response, 200, { version: '0.18.0' });
    case 'GET /metrics':
      return void response
        .writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
        .end(metrics());
    case 'GET /v1/models':
      return sendJson(response, 200, listModels());
    case 'POST /v1/chat/completions':
    case 'POST /v1/completions':
      if (state.isDraining)
        return sendJson(response, 503, dialect.error(503, 'Server is shutting down', 'ServiceUnavailableError'));
      return await answerChat(state, dialect, call);
    default:
      return await handleRare(call);
  }
}

async function handleRare({ request, response, url }: EngineCall): Promise<void> {
  switch (hasSleep ? `${request.method} ${url.pathname}` : '') {
    case 'POST /sleep':
      logVllm(
        'EngineCore_DP0',
        'INFO',
        'gpu_worker.py:118',
        'Sleep mode freed 7.98 GiB memory, 0.76 GiB memory is still in use.',
      );
      state.isAsleep = true;
      return void response.writeHead(200).end();
    case 'POST /wake_up':
      await sleep(state.faults.wakeMs ?? 0);
      state.isAsleep = false;
      return void response.writeHead(200).end();
    case 'GET /is_sleeping':
      return sendJson(response, 200, { is_sleeping: state.isAsleep });
    default: {
      const isKnown = /^\/(health|version|metrics|v1\/(models|chat\/completions|completions))$/.test(url.pathname);
      sendJson(response, isKnown ? 405 : 404, { detail: isKnown ? 'Method Not Allowed' : 'Not Found' });
    }
  }
}

function isAuthorized(authorization: string | undefined): boolean {
  return apiKeys.some((key) => authorization === `Bearer ${key}`);
}

function logAccess({ request, response, url }: EngineCall): void {
  if (unlogged.has(url.pathname) || line.has('disable-uvicorn-access-log')) return;
  const peer = `${request.socket.remoteAddress ?? '127.0.0.1'}:${request.socket.remotePort ?? 0}`;
  logUvicorn(`${peer} - "${request.method} ${request.url} HTTP/1.1" ${response.statusCode} ${response.statusMessage}`);
}

function listModels(): unknown {
  const names = state.faults.wrongModelName === undefined ? state.models : [state.faults.wrongModelName];
  const data = names.map((id) => ({
    id,
    object: 'model',
    created: startedS,
    owned_by: 'vllm',
    root: model,
    parent: null,
    max_model_len: promptLength,
    permission: [],
  }));
  return { object: 'list', data };
}

function startUp(): void {
  logVllm('APIServer', 'INFO', 'api_server.py:1977', 'vLLM API server version 0.18.0');
  logVllm('APIServer', 'INFO', 'utils.py:233', `non-default args: {'model': '${model}'}`);
}

startUp();
limitLifetime();
startFlood(() => state.faults);
onTermination(state.faults.ignoreSigterm === true ? 'ignored' : () => void shutDown());
if (socketPath !== undefined && existsSync(socketPath)) {
  writeLog(
    `Traceback (most recent call last):\n  File "api_server.py", line 1880, in setup_server\n    sock.bind(path)\nOSError: [Errno 98] Address already in use\n`,
  );
  process.exit(1);
}
await load(state.faults, {
  progress: (done, total, elapsedMs) => logProgress('Loading safetensors checkpoint shards', done, total, elapsedMs),
  compiling: () => {
    writeLog('\n');
    logVllm(
      'EngineCore_DP0',
      'INFO',
      'backends.py:548',
      "Using cache directory: torch_compile_cache for vLLM's torch.compile",
    );
  },
  crashed: () => {
    logVllm(
      'EngineCore_DP0',
      'ERROR',
      'core.py:708',
      'EngineCore failed to start.\nTraceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.',
    );
  },
});
writeLog('\n');
logVllm(
  'EngineCore_DP0',
  'INFO',
  'core.py:193',
  'init engine (profile, create kv cache, warmup model) took 0.10 seconds',
);
const listening = await listen(
  state,
  socketPath === undefined
    ? { host: line.text('host') ?? '127.0.0.1', port: line.number('port') ?? 8000 }
    : { host: '', port: 0, socketPath },
  handle,
);
logUvicorn(`Started server process [${process.pid}]`);
logUvicorn('Waiting for application startup.');
logUvicorn('Application startup complete.');
announce(listening, socketPath);

/** As vLLM: without a shutdown timeout what runs is aborted, with one it may finish. */
async function shutDown(): Promise<void> {
  if (state.isDraining) return;
  state.isDraining = true;
  logVllm('APIServer', 'INFO', 'launcher.py:134', 'Shutting down FastAPI HTTP server.');
  const untilMs = performance.now() + shutdownTimeoutS * 1000;
  while (performance.now() < untilMs && state.meter.running + state.meter.waiting > 0) await sleep(20);
  logUvicorn('Shutting down');
  logUvicorn('Application shutdown complete.');
  if (socketPath !== undefined) listening.server.close();
  setTimeout(() => process.exit(0), 10);
}
