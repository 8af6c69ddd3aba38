// LM Studio's service as a process of its own: loads and unloads models, and opens its HTTP server when `lms` tells it to.
// Guarantee: models stay loaded when the server stops; `lms` reaches it by a socket in LMS_FAKE_HOME, tests by /control/.
import { appendFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { answerChat } from './chat-answer.ts';
import type { Dialect, Refusal } from './chat-answer.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { listen, sendJson } from './engine-http.ts';
import type { EngineCall, Listening } from './engine-http.ts';
import { startFailure } from './engine-start.ts';
import { EngineState } from './engine-state.ts';
import type { ChatBody } from './engine-state.ts';
import { claimGpuMemory, resizeGpuClaim } from './fake-gpu.ts';
import { addDownload, lmsHome, readDownloads } from './fake-lms.ts';
import type { LoadedModel } from './fake-lms.ts';
import { limitLifetime, onTermination } from './lifetime.ts';
import { scriptFromEnvironment } from './script.ts';

const MAX_CONTEXT = 262_144;
const JIT_TTL_MS = 3_600_000;

const home = lmsHome(process.env['LMS_FAKE_HOME'] ?? '.');
const state = new EngineState([], faultsFromEnvironment(process.env));
state.script = scriptFromEnvironment(process.env);
const loaded = new Map<string, LoadedModel & { lastUsedMs: number }>();
let api: Listening | null = null;

const dialect: Dialect = {
  thinkField: null,
  reasoningField: 'reasoning_content',
  defaultMaxTokens: Infinity,
  usageInStream: 'on-request',
  hasContinuousUsage: false,
  error: errorBody,
  streamError: () => `event: error\ndata: ${JSON.stringify({ error: { message: 'The model has crashed.' } })}\n\n`,
  refuse: notLoadable,
  extra: () => ({ stats: {}, system_fingerprint: 'mem-agent' }),
};

function errorBody(_status: number, message: string, type: string, param: string | null = null): unknown {
  return { error: { message, type, param, code: null } };
}

/** Loads what has been downloaded; nothing else. */
async function loadModel(asked: string, options: Partial<LoadedModel>): Promise<LoadedModel> {
  const name = asked.replace(/@.*$/, '').toLowerCase();
  const modelKey = readDownloads(home).find(
    (key) => key.toLowerCase().includes(name) || name.includes(key.toLowerCase()),
  );
  if (modelKey === undefined) throw new Error(`Model not found: ${asked}`);
  const { identifier = modelKey, contextLength = 4096, ttlMs = null } = options;
  if (loaded.has(identifier)) throw new Error(`A model with the identifier "${identifier}" is already loaded`);
  const failure = startFailure(state.faults);
  await sleep((failure === null ? state.faults.loadMs : state.faults.crashAtStartAfterMs) ?? 0);
  if (failure !== null) throw new Error('Failed to load the model. Error code: 6. Insufficient memory.');
  claimGpuMemory({ pids: [process.pid], lingerMs: state.faults.gpuLingerMs, memoryMib: state.faults.gpuMemoryMib });
  const model = { identifier, modelKey, contextLength, ttlMs, lastUsedMs: Date.now() };
  loaded.set(identifier, model);
  log(`[LM Studio] Model loaded: ${identifier}`);
  return model;
}

function unload(identifier: string | null): string[] {
  const gone = [...loaded.keys()].filter((name) => identifier === null || name === identifier);
  for (const name of gone) loaded.delete(name);
  if (gone.length > 0 && loaded.size === 0) resizeGpuClaim(0);
  return gone;
}

function unloadIdle(): void {
  for (const { identifier, ttlMs, lastUsedMs } of loaded.values()) {
    if (ttlMs !== null && Date.now() - lastUsedMs > ttlMs) unload(identifier);
  }
}

async function handleApi(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /v1/models':
      return sendJson(response, 200, {
        object: 'list',
        data: listed().map((id) => ({ id, object: 'model', owned_by: 'organization_owner' })),
      });
    case 'GET /api/v0/models':
      return sendJson(response, 200, { object: 'list', data: detailed() });
    case 'POST /v1/chat/completions':
    case 'POST /v1/completions':
      await loadOnDemand(call.body);
      return await answerChat(state, dialect, call);
    default: {
      const error = `Unexpected endpoint or method. (${request.method} ${url.pathname})`;
      log(`[ERROR] ${error}. Returning 200 anyway`);
      sendJson(response, 200, { error });
    }
  }
}

/** Just-in-time loading is on, so what is downloaded is listed too. */
function listed(): string[] {
  if (state.faults.wrongModelName !== undefined) return [state.faults.wrongModelName];
  return [...new Set([...loaded.keys(), ...readDownloads(home)])];
}

function detailed(): unknown[] {
  return listed().map((id) => ({
    id,
    object: 'model',
    type: 'llm',
    publisher: id.split('/')[0],
    arch: 'qwen3',
    compatibility_type: 'mlx',
    quantization: '4bit',
    state: loaded.has(id) ? 'loaded' : 'not-loaded',
    max_context_length: MAX_CONTEXT,
    ...(loaded.has(id) ? { loaded_context_length: loaded.get(id)?.contextLength } : {}),
  }));
}

async function loadOnDemand(text: string): Promise<void> {
  const { model } = JSON.parse(text) as ChatBody;
  if (!loaded.has(model) && readDownloads(home).includes(model)) await loadModel(model, { ttlMs: JIT_TTL_MS });
  const used = loaded.get(model);
  if (used !== undefined) used.lastUsedMs = Date.now();
}

function notLoadable({ model }: ChatBody): Refusal | null {
  if (loaded.has(model)) return null;
  const message = `Model "${model}" not found. Please specify a valid model.`;
  return { status: 404, message, type: 'invalid_request_error', param: 'model' };
}

/** What `lms` asks for; a test never does. */
async function handleCommand({ url, body, response }: EngineCall): Promise<void> {
  const asked = JSON.parse(body === '' ? '{}' : body) as Record<string, unknown> & Partial<LoadedModel>;
  try {
    sendJson(response, 200, await command(url.pathname, asked));
  } catch (error) {
    sendJson(response, 500, { error: error instanceof Error ? error.message : String(error) });
  }
}

async function command(name: string, asked: Record<string, unknown> & Partial<LoadedModel>): Promise<unknown> {
  switch (name) {
    case '/ps':
      return [...loaded.values()].map(inList);
    case '/get':
      addDownload(home, String(asked['name']).replace(/@.*$/, ''));
      return {};
    case '/load':
      return await loadModel(String(asked['model']), asked);
    case '/unload':
      return unload(asked.identifier ?? null);
    case '/server/start':
      return await startServer(Number(asked['port']));
    case '/server/stop':
      closeServer(api?.server);
      api = null;
      return {};
    case '/server/status':
      return api === null ? { running: false } : { running: true, port: api.port };
    default:
      throw new Error(`unknown command ${name}`);
  }
}

async function startServer(port: number): Promise<{ port: number | null }> {
  if (api === null) {
    try {
      api = await listen(state, { host: '127.0.0.1', port }, handleApi);
    } catch {
      throw new Error(`Failed to start the server on port ${port}: address already in use`);
    }
    log(`[LM Studio Server] Success! HTTP server listening on port ${api.port}`);
  }
  return { port: api.port };
}

function closeServer(server: Server | undefined): void {
  server?.close();
  server?.closeAllConnections();
}

function inList(model: LoadedModel & { lastUsedMs: number }): unknown {
  const { identifier, modelKey, contextLength, ttlMs, lastUsedMs } = model;
  return {
    type: 'llm',
    modelKey,
    format: 'safetensors',
    displayName: modelKey,
    path: modelKey,
    sizeBytes: 2_263_022_529,
    paramsString: '4B',
    architecture: 'qwen3',
    quantization: { name: '4bit', bits: 4 },
    identifier,
    instanceReference: identifier,
    ttlMs,
    lastUsedTime: lastUsedMs,
    vision: false,
    trainedForToolUse: true,
    maxContextLength: MAX_CONTEXT,
    contextLength,
    status: state.meter.running > 0 ? 'generating' : 'idle',
    queued: state.meter.waiting,
  };
}

function log(text: string): void {
  appendFileSync(home.log, `${text}\n`);
}

limitLifetime();
state.isLoading = false;
rmSync(home.socket, { force: true });
await listen(new EngineState([], {}), { host: '', port: 0, socketPath: home.socket }, handleCommand);
setInterval(unloadIdle, 200).unref();
onTermination(
  () => state.faults.ignoreSigterm === true,
  () => process.exit(0),
);
writeFileSync(home.pidFile, String(process.pid));
