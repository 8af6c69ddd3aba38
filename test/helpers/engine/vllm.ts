// `vllm serve MODEL …` as a real process: its command line, HTTP, metrics and log lines; fails on request (engine-faults.ts).
// Tests steer it under /control/ (engine-http.ts) and by environment (fake-commands.ts).
import { existsSync } from 'node:fs';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerChat } from './chat-answer.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { sendJson } from './engine-http.ts';
import type { EngineCall } from './engine-http.ts';
import { logProgress, logUvicorn, logVllm, writeLog } from './engine-log.ts';
import { runEngine } from './engine-program.ts';
import { EngineState } from './engine-state.ts';
import { DEFAULT_CLAIM_MIB, resizeGpuClaim } from './fake-gpu.ts';
import { scriptFromEnvironment } from './script.ts';
import { createVllmMetrics } from './vllm-metrics.ts';
import { parseVllmOptions, vllmDialect } from './vllm-options.ts';

const ASLEEP_MIB = 780;
const OUT_OF_MEMORY =
  'Traceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.';

const [command, ...rest] = process.argv.slice(2);
if (command !== 'serve') {
  const isVersion = command === '--version' || command === '-v';
  const usage = 'usage: vllm [-h] [-v] {chat,complete,serve,bench,collect-env,run-batch} ...\n';
  if (isVersion) process.stdout.write('0.18.0\n');
  else process.stderr.write(usage);
  process.exit(isVersion ? 0 : 2);
}
const options = parseVllmOptions(rest, process.env);
const { socketPath } = options;
const startedS = Math.floor(Date.now() / 1000);
const state = new EngineState(options.servedNames, faultsFromEnvironment(process.env), options.maxRunning);
state.script = scriptFromEnvironment(process.env);
const dialect = vllmDialect(options, (model) => state.models.includes(model));
const metrics = createVllmMetrics(state, { withStats: options.hasStats, withHealth: options.hasFaultTolerance });

async function handle(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  response.on('finish', () => logAccess(call));
  if (options.hasRequestIds) {
    response.setHeader('x-request-id', request.headers['x-request-id'] ?? crypto.randomUUID());
  }
  // vLLM guards only what lies under /v1.
  if (url.pathname.startsWith('/v1') && !isAuthorized(request.headers.authorization)) {
    return sendJson(response, 401, { error: 'Unauthorized' });
  }
  switch (`${request.method} ${url.pathname}`) {
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
      return await complete(call);
    default:
      return await handleRare(call);
  }
}

async function complete(call: EngineCall): Promise<void> {
  const isFull = state.meter.waiting >= options.maxQueued;
  if (!state.isDraining && !isFull) return await answerChat(state, dialect, call);
  const message = isFull ? 'The request queue is full' : 'The server is shutting down';
  sendJson(call.response, 503, dialect.error(503, message, 'ServiceUnavailableError'));
}

async function handleRare({ request, response, url }: EngineCall): Promise<void> {
  switch (options.hasSleep ? `${request.method} ${url.pathname}` : '') {
    case 'POST /sleep':
      state.sleepLevel = Number(url.searchParams.get('level') ?? '1');
      resizeGpuClaim(ASLEEP_MIB);
      logVllm('EngineCore_DP0', 'INFO', 'gpu_worker.py:118', 'Sleep mode freed 7.98 GiB memory.');
      return void response.writeHead(200).end();
    case 'POST /wake_up':
      await sleep(state.faults.wakeMs ?? 0);
      resizeGpuClaim(state.faults.gpuMemoryMib ?? DEFAULT_CLAIM_MIB);
      state.sleepLevel = 0;
      return void response.writeHead(200).end();
    case 'GET /is_sleeping':
      return sendJson(response, 200, { is_sleeping: state.sleepLevel > 0 });
    default: {
      const isKnown = /^\/(health|version|metrics|v1\/(models|chat\/completions|completions))$/.test(url.pathname);
      sendJson(response, isKnown ? 405 : 404, { detail: isKnown ? 'Method Not Allowed' : 'Not Found' });
    }
  }
}

function isAuthorized(authorization: string | undefined): boolean {
  const { apiKeys } = options;
  return apiKeys.length === 0 || apiKeys.some((key) => authorization === `Bearer ${key}`);
}

function logAccess({ request, response, url }: EngineCall): void {
  if (options.unloggedPaths.has(url.pathname) || !options.hasAccessLog) return;
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
    root: options.model,
    parent: null,
    max_model_len: options.maxModelLength ?? 32_768,
    permission: [],
  }));
  return { object: 'list', data };
}

/** As vLLM: without a shutdown timeout what runs is aborted, with one it may finish. */
async function shutDown(server: Server | null): Promise<void> {
  if (state.isDraining) return;
  state.isDraining = true;
  logVllm('APIServer', 'INFO', 'launcher.py:134', 'Shutting down FastAPI HTTP server.');
  const untilMs = performance.now() + options.shutdownTimeoutMs;
  while (performance.now() < untilMs && state.meter.running + state.meter.waiting > 0) await sleep(20);
  logUvicorn('Shutting down');
  logUvicorn('Application shutdown complete.');
  // Takes the socket's file away.
  server?.close();
  setTimeout(() => process.exit(0), 10);
}

logVllm('APIServer', 'INFO', 'api_server.py:1977', 'vLLM API server version 0.18.0');
logVllm('APIServer', 'INFO', 'utils.py:233', `non-default args: {'model': '${options.model}'}`);
if (socketPath !== undefined && existsSync(socketPath)) {
  // vLLM binds before it loads, and does not take over a socket that somebody left behind.
  writeLog('Traceback (most recent call last):\n  File "api_server.py", line 1880, in setup_server\n');
  writeLog('    sock.bind(path)\nOSError: [Errno 98] Address already in use\n');
  process.exit(1);
}
await runEngine({
  state,
  target: {
    host: options.host,
    port: options.port,
    ...(socketPath === undefined ? {} : { socketPath }),
  },
  handle,
  terminate: (server) => void shutDown(server),
  report: {
    progress: (done, total, elapsedMs) => {
      logProgress('Loading safetensors checkpoint shards', done, total, elapsedMs);
      if (done === total) writeLog('\n');
    },
    compiling: () =>
      logVllm('EngineCore_DP0', 'INFO', 'backends.py:548', 'Dynamo bytecode transform time: 3.20 s; compiling a graph'),
    crashed: () => logVllm('EngineCore_DP0', 'ERROR', 'core.py:708', `EngineCore failed to start.\n${OUT_OF_MEMORY}`),
  },
  onListening: () => {
    logVllm('EngineCore_DP0', 'INFO', 'core.py:193', 'init engine (profile, create kv cache, warmup model) took 0.1 s');
    logUvicorn(`Started server process [${process.pid}]`);
    logUvicorn('Waiting for application startup.');
    logUvicorn('Application startup complete.');
  },
});
