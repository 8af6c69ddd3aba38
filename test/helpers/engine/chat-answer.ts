// Answers one completion as the script and the faults say, in the engine's own dialect; refuses what the engine would refuse.
// Guarantee: every completion that is let in has a place among the running ones and gives it back.
import type { ServerResponse } from 'node:http';
import { crash, failWhole } from './chat-failure.ts';
import { promptTokensOf, sendStream, sendWhole } from './chat-output.ts';
import type { AnswerFaults } from './engine-faults.ts';
import { spoil } from './engine-faults.ts';
import type { EngineCall } from './engine-http.ts';
import { sendJson } from './engine-http.ts';
import { secondsSince } from './engine-meter.ts';
import type { ChatBody, EngineState, SeenRequest } from './engine-state.ts';
import { nextReply } from './script.ts';
import type { EngineReply } from './script.ts';

export type Usage = Record<string, unknown>;
export type ReasoningField = 'reasoning' | 'reasoning_content';

export interface Refusal {
  status: number;
  message: string;
  type: string;
  param?: string;
}

/** Where one kind of server differs from the next. */
export interface Dialect {
  /** Where `<think>` goes; null leaves it in the text, as the model wrote it. */
  thinkField: ReasoningField | null;
  /** Where a scripted `reasoning` goes. */
  reasoningField: ReasoningField;
  defaultMaxTokens: number;
  /** When a stream holds usage: only if it was asked for, or always. */
  usageInStream: 'on-request' | 'always';
  /** Knows `stream_options.continuous_usage_stats`. */
  hasContinuousUsage: boolean;
  /** HTTP/1.0: the end of the connection is the end of the answer. */
  endsByClosing?: boolean;
  /** Sent as soon as a stream is accepted. */
  streamOpening?: string;
  error(status: number, message: string, type: string, param?: string | null): unknown;
  /** The event for an error after the stream has begun. */
  streamError(): string;
  /** Why the request can't be answered, or null. */
  refuse(body: ChatBody): Refusal | null;
  finishUsage?(usage: Usage): Usage;
  /** Fields of the answer, and of each delta or message, beside the standard ones. */
  extra?(): Record<string, unknown>;
  extraMessage?(): Record<string, unknown>;
}

export interface Answering {
  state: EngineState;
  dialect: Dialect;
  body: ChatBody;
  /** `/v1/completions`: text without messages. */
  isPlainText: boolean;
  reply: EngineReply;
  faults: AnswerFaults;
  record: SeenRequest;
  response: ServerResponse;
  signal: AbortSignal;
  maxTokens: number;
  startedMs: number;
  sentBytes: number;
}

export async function answerChat(state: EngineState, dialect: Dialect, call: EngineCall): Promise<void> {
  const { request, response } = call;
  const body = parseBody(call.body);
  if (body === null)
    return refuse(response, dialect, { status: 400, message: 'Invalid JSON', type: 'BadRequestError' });
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
  const refusal = refusalOf(dialect, body, faults);
  if (refusal !== null) return refuse(response, dialect, refusal);
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? dialect.defaultMaxTokens;
  const scripted = nextReply(state.script, body.messages, maxTokens);
  if (scripted === null) {
    const message = 'the script has no reply left';
    return refuse(response, dialect, { status: 500, message, type: 'InternalServerError' });
  }
  const reply = separateThinking(spoil(scripted, faults), dialect);
  await answer({
    state,
    dialect,
    body,
    isPlainText: call.url.pathname.endsWith('/completions') && !call.url.pathname.endsWith('/chat/completions'),
    reply,
    faults,
    record,
    response,
    signal: gone.signal,
    maxTokens,
    startedMs: performance.now(),
    sentBytes: 0,
  });
}

async function answer(answering: Answering): Promise<void> {
  const { state, body, signal, startedMs } = answering;
  const leave = await state.admit(signal);
  state.meter.queueTime.observe(secondsSince(startedMs));
  try {
    if (await failWhole(answering)) return;
    state.meter.promptTokens += promptTokensOf(body);
    const finish = await (body.stream === true ? sendStream(answering) : sendWhole(answering));
    if (state.isHung) return;
    state.meter.finish(finish);
    state.meter.endToEnd.observe(secondsSince(startedMs));
  } finally {
    leave();
  }
}

function parseBody(text: string): ChatBody | null {
  let body: Partial<ChatBody> | null;
  try {
    body = JSON.parse(text) as Partial<ChatBody> | null;
  } catch {
    return null;
  }
  if (typeof body !== 'object' || body === null) return null;
  return {
    ...body,
    model: body.model ?? '',
    messages: body.messages ?? [{ role: 'user', content: body.prompt ?? '' }],
  };
}

function refuse(response: ServerResponse, dialect: Dialect, { status, message, type, param }: Refusal): void {
  sendJson(response, status, dialect.error(status, message, type, param ?? null));
}

function refusalOf(dialect: Dialect, body: ChatBody, faults: AnswerFaults): Refusal | null {
  const field = faults.refuseFields?.find((name) => name in body);
  if (field !== undefined) {
    return { status: 400, message: `Unrecognized request argument supplied: ${field}`, type: 'BadRequestError' };
  }
  return dialect.refuse(body);
}

function separateThinking(reply: EngineReply, { thinkField }: Dialect): EngineReply {
  if (thinkField === null) return reply;
  const match = /^\s*<think>(.*?)<\/think>\s*/s.exec(reply.text);
  if (match === null) return reply;
  const text = reply.text.slice(match[0].length);
  return { reasoningField: thinkField, ...reply, text, reasoning: `${reply.reasoning ?? ''}${match[1] ?? ''}` };
}
