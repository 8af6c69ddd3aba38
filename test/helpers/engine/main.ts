// A model server as a real child process: speaks vLLM's HTTP protocol, replies from a script, fails on request.
// Usage: node main.ts [--port N | --uds PATH] [--model NAME]… [--api-key KEY] [--script FILE]; prints `{"port":N}` when it listens.
// Control: PUT /control/script replaces the script, PUT /control/models the models, GET /control/requests lists what came in.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { EngineMessage, EngineReply, EngineScript } from './script.ts';
import { nextReply } from './script.ts';

interface ChatBody {
  model: string;
  messages: EngineMessage[];
  max_tokens?: number;
  stream?: boolean;
  stream_options?: { include_usage?: boolean; continuous_usage_stats?: boolean };
  [field: string]: unknown;
}

interface SeenRequest {
  body: ChatBody;
  authorization: string | null;
  /** The client went away before the end. */
  aborted: boolean;
  sentCharacters: number;
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    uds: { type: 'string' },
    model: { type: 'string', multiple: true, default: ['mem-agent'] },
    'api-key': { type: 'string' },
    script: { type: 'string' },
    'refuse-field': { type: 'string', multiple: true, default: [] },
  },
});

let script: EngineScript = values.script === undefined ? {} : JSON.parse(readFileSync(values.script, 'utf8'));
let models = values.model;
const seen: SeenRequest[] = [];
const startedS = Math.floor(Date.now() / 1000);

const tokensOf = (text: string): number => Math.ceil(text.length / 4);

async function readText(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).toString('utf8');
}

function sendJson(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

function sendError(
  response: ServerResponse,
  status: number,
  message: string,
  type: string,
  param: string | null = null,
): void {
  sendJson(response, status, { error: { message, type, param, code: status } });
}

function listModels(): unknown {
  const data = models.map((id) => ({
    id,
    object: 'model',
    created: startedS,
    owned_by: 'vllm',
    root: id,
    parent: null,
    max_model_len: 32_768,
    permission: [],
  }));
  return { object: 'list', data };
}

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://engine');
  if (pathname.startsWith('/control/')) return await control(pathname, request, response);
  if (pathname === '/health') return void response.writeHead(200).end();
  if (pathname === '/version') return sendJson(response, 200, { version: '0.18.0' });
  // vLLM guards only what lies under /v1.
  const authorization = request.headers.authorization ?? null;
  if (values['api-key'] !== undefined && authorization !== `Bearer ${values['api-key']}`) {
    return sendJson(response, 401, { error: 'Unauthorized' });
  }
  if (pathname === '/v1/models' && request.method === 'GET') return sendJson(response, 200, listModels());
  if (pathname !== '/v1/chat/completions') return sendJson(response, 404, { detail: 'Not Found' });
  if (request.method !== 'POST') return sendJson(response, 405, { detail: 'Method Not Allowed' });
  const body = JSON.parse(await readText(request)) as ChatBody;
  const record: SeenRequest = { body, authorization, aborted: false, sentCharacters: 0 };
  seen.push(record);
  response.on('close', () => {
    record.aborted = !response.writableFinished;
  });
  await complete(body, record, response);
}

async function control(pathname: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (pathname === '/control/requests') return sendJson(response, 200, seen);
  const text = await readText(request);
  if (pathname === '/control/script') script = JSON.parse(text) as EngineScript;
  else if (pathname === '/control/models') models = JSON.parse(text) as string[];
  else return sendJson(response, 404, {});
  sendJson(response, 200, {});
}

async function complete(body: ChatBody, record: SeenRequest, response: ServerResponse): Promise<void> {
  const refused = values['refuse-field'].find((field) => field in body);
  if (refused !== undefined) {
    return sendError(response, 400, `Unrecognized request argument supplied: ${refused}`, 'BadRequestError');
  }
  if (!models.includes(body.model)) {
    return sendError(response, 404, `The model \`${body.model}\` does not exist.`, 'NotFoundError', 'model');
  }
  const reply = nextReply(script, body.messages);
  if (reply === null) return sendError(response, 500, 'the script has no reply left', 'InternalServerError');
  const { fault } = reply;
  if (fault === 'hang') return;
  if (fault === 'reset') return void response.socket?.resetAndDestroy();
  if (fault === 'garbage')
    return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
  if (fault === 'error-in-200') {
    return sendJson(response, 200, { error: { message: 'Provider is overloaded', code: 503 } });
  }
  if (typeof fault === 'object') {
    const headers = fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
    const type = fault.type ?? 'BadRequestError';
    return sendJson(
      response,
      fault.status,
      { error: { message: fault.message, type, param: null, code: fault.status } },
      headers,
    );
  }
  await (body.stream === true ? stream(body, reply, record, response) : sendWhole(body, reply, response));
}

function usageOf(body: ChatBody, output: string): Record<string, number> {
  const prompt = tokensOf(body.messages.map((message) => message.content).join(''));
  const completion = tokensOf(output);
  return { prompt_tokens: prompt, total_tokens: prompt + completion, completion_tokens: completion };
}

function sendWhole(body: ChatBody, reply: EngineReply, response: ServerResponse): void {
  const content = reply.emptyContent === true ? null : reply.text;
  const message = {
    role: 'assistant',
    content,
    [reply.reasoningField ?? 'reasoning_content']: reply.reasoning ?? null,
  };
  sendJson(response, 200, {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: reply.finishReason ?? 'stop', stop_reason: null }],
    ...(reply.noUsage === true ? {} : { usage: usageOf(body, reply.text) }),
  });
}

async function stream(
  body: ChatBody,
  reply: EngineReply,
  record: SeenRequest,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  const withUsage = reply.noUsage !== true && body.stream_options?.include_usage === true;
  const isContinuous = withUsage && body.stream_options?.continuous_usage_stats === true;
  const base = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion.chunk',
    created: startedS,
    model: body.model,
  };
  let output = '';
  const send = (choices: unknown[], usage: boolean): void => {
    const event = { ...base, choices, ...(usage ? { usage: usageOf(body, output) } : {}) };
    response.write(`data: ${JSON.stringify(event)}\n\n`);
  };
  const sendDelta = (delta: unknown, finish: string | null = null): void =>
    send(
      [{ index: 0, delta, logprobs: null, finish_reason: finish, ...(finish === null ? {} : { stop_reason: null }) }],
      isContinuous,
    );
  sendDelta({ role: 'assistant', content: '' });
  const size = reply.chunkCharacters ?? 4;
  const pieces = [
    ...split(reply.reasoning ?? '', size).map((text) => ({ text, field: reply.reasoningField ?? 'reasoning_content' })),
    ...(reply.emptyContent === true ? [] : split(reply.text, size).map((text) => ({ text, field: 'content' }))),
  ];
  const half = Math.ceil(pieces.length / 2);
  for (const [index, { text, field }] of pieces.entries()) {
    if (index === half && reply.fault !== undefined && failMidStream(reply, response)) return;
    if (response.destroyed) return;
    output += text;
    record.sentCharacters = output.length;
    sendDelta({ [field]: text });
    await sleep(reply.chunkDelayMs ?? 0);
  }
  sendDelta({ content: '' }, reply.finishReason ?? 'stop');
  if (reply.fault === 'crash-before-usage') return void setImmediate(() => response.socket?.resetAndDestroy());
  if (withUsage) send([], true);
  response.end('data: [DONE]\n\n');
}

function failMidStream(reply: EngineReply, response: ServerResponse): boolean {
  switch (reply.fault) {
    case 'hang-mid-stream':
      return true;
    case 'crash-mid-stream':
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20);
      return true;
    case 'end-mid-stream':
      response.end();
      return true;
    case 'error-mid-stream':
      response.write(
        'data: {"error": {"message": "EngineCore encountered an issue", "type": "InternalServerError", "param": null, "code": 500}}\n\n',
      );
      response.end('data: [DONE]\n\n');
      return true;
    default:
      return false;
  }
}

function split(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return pieces;
}

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    if (!response.headersSent) sendError(response, 500, 'the engine failed', 'InternalServerError');
    else response.destroy();
  });
});
server.listen(
  values.uds === undefined ? { host: '127.0.0.1', port: Number(values.port) } : { path: values.uds },
  () => {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : null;
    process.stdout.write(`${JSON.stringify({ port, uds: values.uds ?? null })}\n`);
  },
);
// The parent's death closes our stdin: no engine outlives its test.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
