// `mlx_lm.server --model …` as a real process: no keys, no metrics, HTTP/1.0, a constant `/health`, think text in `reasoning`,
// 512 tokens unless told otherwise. SIGTERM just ends it. Faults and control as for the others.
import { existsSync, realpathSync } from 'node:fs';
import { answerChat } from './chat-answer.ts';
import type { Dialect, Refusal } from './chat-answer.ts';
import { parseCommandLine } from './command-line.ts';
import { faultsFromEnvironment } from './engine-faults.ts';
import { sendJson } from './engine-http.ts';
import type { EngineCall } from './engine-http.ts';
import { logBar, writeLog } from './engine-log.ts';
import { runEngine } from './engine-program.ts';
import { EngineState } from './engine-state.ts';
import type { ChatBody } from './engine-state.ts';
import { scriptFromEnvironment } from './script.ts';

const line = parseCommandLine(process.argv.slice(2), {
  program: 'mlx_lm.server',
  maxPositionals: 0,
  flags: {
    model: 'text',
    'adapter-path': 'text',
    host: 'text',
    port: 'number',
    'draft-model': 'text',
    'num-draft-tokens': 'number',
    'trust-remote-code': 'switch',
    'log-level': 'text',
    'chat-template': 'text',
    'use-default-chat-template': 'switch',
    temp: 'number',
    'top-p': 'number',
    'top-k': 'number',
    'min-p': 'number',
    'max-tokens': 'number',
    'chat-template-args': 'text',
    'decode-concurrency': 'number',
    'prompt-concurrency': 'number',
    'prefill-step-size': 'number',
    'prompt-cache-size': 'number',
    'prompt-cache-bytes': 'text',
    pipeline: 'switch',
  },
});
const model = line.text('model') ?? 'default_model';
const host = line.text('host') ?? '127.0.0.1';
const port = line.number('port') ?? 8080;
const createdS = Math.floor(Date.now() / 1000);
// A directory is listed by its real path, a name as it is.
const state = new EngineState([existsSync(model) ? realpathSync(model) : model], faultsFromEnvironment(process.env));
state.script = scriptFromEnvironment(process.env);

const dialect: Dialect = {
  thinkField: 'reasoning',
  reasoningField: 'reasoning',
  defaultMaxTokens: line.number('max-tokens') ?? 512,
  usageInStream: 'on-request',
  hasContinuousUsage: false,
  endsByClosing: true,
  error: (_status, message) => ({ error: message }),
  streamError: () => `data: ${JSON.stringify({ error: '[metal::malloc] Insufficient Memory' })}\n\n`,
  refuse: notLoadable,
  extra: () => ({ system_fingerprint: '0.31.0-0.31.0-macOS-arm64-applegpu_g16s' }),
  extraMessage: () => ({ role: 'assistant', content: '', reasoning: '', tool_calls: [] }),
};

async function handle(call: EngineCall): Promise<void> {
  const { request, response, url } = call;
  response.shouldKeepAlive = false;
  response.on('finish', () => {
    const peer = request.socket.remoteAddress ?? '127.0.0.1';
    writeLog(`${peer} - - [${stamp()}] "${request.method} ${request.url} HTTP/1.1" ${response.statusCode} -\n`);
  });
  if (request.method === 'GET' && url.pathname === '/health') {
    return sendJson(response, state.faults.healthStatus ?? 200, { status: 'ok' });
  }
  if (request.method === 'GET' && url.pathname.startsWith('/v1/models')) return sendJson(response, 200, listModels());
  const isCompletion = /^(\/v1)?\/chat\/completions$|^\/v1\/completions$/.test(url.pathname);
  if (request.method !== 'POST' || !isCompletion) return void response.writeHead(404).end('Not Found');
  // Its checks throw, and then it hangs up without an answer.
  if (hasBadSampling(call.body)) return void request.socket.destroy();
  await answerChat(state, dialect, call);
}

function listModels(): unknown {
  const names = state.faults.wrongModelName === undefined ? state.models : [state.faults.wrongModelName];
  return { object: 'list', data: names.map((id) => ({ id, object: 'model', created: createdS })) };
}

/** Any other name is one to load, and this machine has none. */
function notLoadable({ model: asked }: ChatBody): Refusal | null {
  if (asked === '' || asked === 'default_model' || asked === model || state.models.includes(asked)) return null;
  return { status: 404, message: `Repository Not Found for url: ${asked}`, type: '' };
}

function hasBadSampling(text: string): boolean {
  let body: Record<string, unknown>;
  try {
    body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return false;
  }
  const { top_k: topK, max_tokens: maxTokens, temperature } = body;
  return [topK, maxTokens, temperature].some((value) => typeof value === 'number' && value < 0);
}

function stamp(): string {
  const [, , day, month, year, time] = /^(\w+), (\d+) (\w+) (\d+) ([\d:]+)/.exec(new Date().toUTCString()) ?? [];
  return `${day}/${month}/${year} ${time}`;
}

const info = (text: string): void =>
  writeLog(`${new Date().toISOString().replace('T', ' ').replace('.', ',').slice(0, 23)} - INFO - ${text}\n`);

await runEngine({
  state,
  target: { host, port },
  handle,
  terminate: null,
  report: {
    progress: (done, total, elapsedMs) => {
      logBar('Fetching 11 files', done, total, elapsedMs);
      if (done === total) writeLog('\n');
    },
    compiling: () => undefined,
    crashed: () => writeLog('libc++abi: terminating due to uncaught exception: [metal::malloc] Insufficient Memory\n'),
  },
  onListening: () => {
    writeLog(
      'UserWarning: mlx_lm.server is not recommended for production as it only implements basic security checks.\n',
    );
    info(`Starting httpd at ${host} on port ${port}...`);
  },
});
