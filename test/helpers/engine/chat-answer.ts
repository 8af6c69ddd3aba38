// Answers one chat completion, streamed or whole, as the script and the faults say and in the engine's own dialect.
// Guarantee: every token is a step of the core, so a hang stops it wherever it is, and a client that leaves ends it.
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import type { AnswerFaults } from './engine-faults.ts';
import { spoil } from './engine-faults.ts';
import type { EngineCall } from './engine-http.ts';
import { sendJson } from './engine-http.ts';
import type { ChatBody, EngineState, SeenRequest } from './engine-state.ts';
import { crash, failMidStream, failWhole } from './chat-failure.ts';
import { nextReply } from './script.ts';
import type { EngineReply } from './script.ts';

export type Usage = Record<string, unknown>;

/** Where one kind of server differs from the next. */
export interface Dialect {
  /** Where `<think>` goes; null leaves it in the text, as the model wrote it. */
  thinkField: 'reasoning' | 'reasoning_content' | null;
  /** Where a scripted `reasoning` goes. */
  reasoningField: 'reasoning' | 'reasoning_content';
  defaultMaxTokens: number;
  /** Usage comes in streams only if it is asked for. */
  usageOnRequest: boolean;
  error(status: number, message: string, type: string, param?: string | null): unknown;
  streamError(): string;
  /** Why the request can't be answered, or null. */
  refuse?(body: ChatBody): { status: number; message: string; type: string; param?: string } | null;
  finishUsage?(usage: Usage, body: ChatBody): Usage;
  /** Fields of the answer beside the standard ones. */
  extra?(body: ChatBody): Record<string, unknown>;
}

interface Piece {
  text: string;
  field: string;
}

export interface Answering {
  state: EngineState;
  dialect: Dialect;
  body: ChatBody;
  reply: EngineReply;
  faults: AnswerFaults;
  record: SeenRequest;
  response: ServerResponse;
  signal: AbortSignal;
  startedMs: number;
  sentBytes: number;
}

export const tokensOf = (text: string): number => Math.ceil(text.length / 4);

export async function answerChat(state: EngineState, dialect: Dialect, call: EngineCall): Promise<void> {
  const { request, response } = call;
  const body = JSON.parse(call.body) as ChatBody;
  body.messages ??= [{ role: 'user', content: body.prompt ?? '' }];
  const record: SeenRequest = {
    body,
    authorization: request.headers.authorization ?? null,
    aborted: false,
    sentCharacters: 0,
  };
  state.seen.push(record);
  const gone = new AbortController();
  response.on('close', () => {
    record.aborted = !response.writableFinished;
    gone.abort();
  });
  const faults = state.takeFaults();
  if (faults.crashAfterRequests !== undefined && state.seen.length > faults.crashAfterRequests) return crash(faults);
  if (faults.hangAfterRequests !== undefined && state.seen.length > faults.hangAfterRequests) state.hang();
  const refusal = refuse(state, dialect, body, faults);
  if (refusal !== null) {
    return sendJson(
      response,
      refusal.status,
      dialect.error(refusal.status, refusal.message, refusal.type, refusal.param ?? null),
    );
  }
  const scripted = nextReply(state.script, body.messages, maxTokensOf(body, dialect));
  if (scripted === null) {
    return sendJson(response, 500, dialect.error(500, 'the script has no reply left', 'InternalServerError'));
  }
  const answering: Answering = {
    state,
    dialect,
    body,
    reply: separateThinking(spoil(scripted, faults), dialect),
    faults,
    record,
    response,
    signal: gone.signal,
    startedMs: performance.now(),
    sentBytes: 0,
  };
  const leave = await state.admit(gone.signal);
  try {
    if (await failWhole(answering)) return;
    state.meter.promptTokens += promptTokensOf(body);
    const finish = await (body.stream === true ? stream(answering) : sendWhole(answering));
    if (!state.isHung) state.meter.finish(finish);
    state.meter.endToEnd.observe((performance.now() - answering.startedMs) / 1000);
  } finally {
    leave();
  }
}

function refuse(
  state: EngineState,
  dialect: Dialect,
  body: ChatBody,
  faults: AnswerFaults,
): { status: number; message: string; type: string; param?: string } | null {
  const field = faults.refuseFields?.find((name) => name in body);
  if (field !== undefined) {
    return { status: 400, message: `Unrecognized request argument supplied: ${field}`, type: 'BadRequestError' };
  }
  if (dialect.refuse !== undefined) return dialect.refuse(body);
  if (state.models.includes(body.model)) return null;
  const message = `The model \`${body.model}\` does not exist.`;
  return { status: 404, message, type: 'NotFoundError', param: 'model' };
}

function maxTokensOf(body: ChatBody, dialect: Dialect): number {
  return body.max_completion_tokens ?? body.max_tokens ?? dialect.defaultMaxTokens;
}

function promptTokensOf(body: ChatBody): number {
  return tokensOf(body.messages.map((message) => message.content).join(''));
}

function separateThinking(reply: EngineReply, dialect: Dialect): EngineReply {
  const match = dialect.thinkField === null ? null : /^\s*<think>(.*?)<\/think>\s*/s.exec(reply.text);
  if (match === null || dialect.thinkField === null) return reply;
  const text = reply.text.slice(match[0].length);
  return { reasoningField: dialect.thinkField, ...reply, text, reasoning: `${reply.reasoning ?? ''}${match[1] ?? ''}` };
}

function usageOf({ body, dialect, reply }: Answering, output: string): Usage {
  const sign = reply.negativeUsage === true ? -1 : 1;
  const prompt = promptTokensOf(body) * sign;
  const completion = tokensOf(output) * sign;
  const usage = { prompt_tokens: prompt, total_tokens: prompt + completion, completion_tokens: completion };
  return dialect.finishUsage?.(usage, body) ?? usage;
}

function piecesOf({ reply, dialect, body }: Answering): { pieces: Piece[]; finish: string } {
  const size = reply.chunkCharacters ?? 4;
  const limit = maxTokensOf(body, dialect) * 4;
  const reasoning = (reply.reasoning ?? '').slice(0, limit);
  const text = reply.emptyContent === true ? '' : reply.text.slice(0, limit - reasoning.length);
  const isCut = reply.emptyContent !== true && text.length < reply.text.length;
  const pieces = [
    ...split(reasoning, size).map((text) => ({ text, field: reply.reasoningField ?? dialect.reasoningField })),
    ...split(text, size).map((text) => ({ text, field: 'content' })),
  ];
  return { pieces, finish: isCut ? 'length' : (reply.finishReason ?? 'stop') };
}

/** The pieces as the core makes them: none while it hangs, and no more once the client is gone. */
async function* generate(answering: Answering, pieces: readonly Piece[]): AsyncGenerator<Piece> {
  const { state, faults, reply, signal, startedMs } = answering;
  const paceMs = faults.tokensPerSecond === undefined ? 0 : 1000 / faults.tokensPerSecond;
  let dueMs = startedMs + (faults.ttftMs ?? 0);
  for (const [index, piece] of pieces.entries()) {
    const delayMs = index === 0 ? 0 : (reply.chunkDelayMs ?? 0);
    await state.step(tokensOf(piece.text), Math.max(delayMs, dueMs - performance.now()), signal);
    if (signal.aborted) return;
    if (index === 0) state.meter.timeToFirstToken.observe((performance.now() - startedMs) / 1000);
    yield piece;
    dueMs += paceMs;
  }
}

async function sendWhole(answering: Answering): Promise<string> {
  const { body, reply, dialect, response, record } = answering;
  const { pieces, finish } = piecesOf(answering);
  const texts: Record<string, string> = {};
  const half = Math.ceil(pieces.length / 2);
  let index = 0;
  for await (const { text, field } of generate(answering, pieces)) {
    texts[field] = (texts[field] ?? '') + text;
    index += 1;
    if (index === half && answering.faults.hang === 'mid-stream') answering.state.hang();
    if (index === half && reply.fault === 'crash-mid-stream') crash(answering.faults);
  }
  if (answering.signal.aborted) return 'abort';
  const output = Object.values(texts).join('');
  record.sentCharacters = output.length;
  const { content, ...reasoning } = texts;
  const whole = JSON.stringify({
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion',
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    ...dialect.extra?.(body),
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: reply.emptyContent === true ? null : (content ?? ''),
          [reply.reasoningField ?? dialect.reasoningField]: null,
          ...reasoning,
        },
        logprobs: null,
        finish_reason: finish,
        stop_reason: null,
      },
    ],
    ...(reply.noUsage === true ? {} : { usage: usageOf(answering, output) }),
  });
  response.writeHead(200, { 'content-type': 'application/json' });
  if (write(answering, whole) || answering.faults.crashOnByte === undefined) response.end();
  return finish;
}

async function stream(answering: Answering): Promise<string> {
  const { body, reply, dialect, record, response } = answering;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  const isAsked = body.stream_options?.include_usage === true;
  const withUsage = reply.noUsage !== true && (isAsked || !dialect.usageOnRequest);
  const isContinuous = withUsage && isAsked && body.stream_options?.continuous_usage_stats === true;
  const base = {
    id: `chatcmpl-${randomUUID()}`,
    object: 'chat.completion.chunk',
    created: Math.floor(Date.now() / 1000),
    model: body.model,
    ...dialect.extra?.(body),
  };
  let output = '';
  const send = (choices: unknown[], usage: boolean): boolean => {
    const event = { ...base, choices, ...(usage ? { usage: usageOf(answering, output) } : {}) };
    return write(answering, `data: ${JSON.stringify(event)}\n\n`);
  };
  const sendDelta = (delta: unknown, finish: string | null = null): boolean =>
    send(
      [{ index: 0, delta, logprobs: null, finish_reason: finish, ...(finish === null ? {} : { stop_reason: null }) }],
      isContinuous,
    );
  const { pieces, finish } = piecesOf(answering);
  const half = Math.floor(pieces.length / 2);
  let index = 0;
  // The role is sent with the first token, so nothing at all comes from a core that hangs.
  for await (const { text, field } of generate(answering, pieces)) {
    if (index === 0) sendDelta({ role: 'assistant', content: '' });
    if (index === half && (await failMidStream(answering))) return 'error';
    if (index === half && answering.faults.hang === 'mid-stream') answering.state.hang();
    output += text;
    record.sentCharacters = output.length;
    if (!sendDelta({ [field]: text })) await drained(answering);
    index += 1;
  }
  if (answering.signal.aborted) return 'abort';
  if (index === 0) {
    sendDelta({ role: 'assistant', content: '' });
    if (await failMidStream(answering)) return 'error';
  }
  sendDelta({ content: '' }, finish);
  if (reply.fault === 'crash-before-usage') {
    setImmediate(() => response.socket?.resetAndDestroy());
    return 'error';
  }
  if (withUsage) send([], true);
  if (reply.noDone !== true && !write(answering, 'data: [DONE]\n\n')) await drained(answering);
  response.end();
  return finish;
}

/** Writes, and dies on the way if a fault says so. False when the client does not keep up. */
function write(answering: Answering, text: string): boolean {
  const { response, faults } = answering;
  const { crashOnByte } = faults;
  if (crashOnByte === undefined) return response.write(text);
  const bytes = Buffer.from(text).subarray(0, crashOnByte - answering.sentBytes);
  answering.sentBytes += bytes.length;
  if (answering.sentBytes < crashOnByte) return response.write(bytes);
  if (bytes.length > 0) response.write(bytes, () => setTimeout(() => crash(faults), 20));
  return false;
}

async function drained({ response, signal, faults }: Answering): Promise<void> {
  if (faults.crashOnByte !== undefined) return await new Promise(() => undefined);
  await new Promise<void>((resolve) => {
    response.once('drain', resolve);
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (!response.writableNeedDrain) resolve();
  });
}

function split(text: string, size: number): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += size) pieces.push(text.slice(at, at + size));
  return pieces;
}
