// Sends an answer, streamed or whole, token by token as the core makes them.
// Guarantee: every token is a step of the core, so a hang stops it wherever it is, and a client that leaves ends it.
import { randomUUID } from 'node:crypto';
import type { Answering, Usage } from './chat-answer.ts';
import { crash, failMidStream } from './chat-failure.ts';
import { secondsSince } from './engine-meter.ts';
import type { ChatBody } from './engine-state.ts';

interface Piece {
  text: string;
  field: string;
}

const tokensOf = (text: string): number => Math.ceil(text.length / 4);

export function promptTokensOf(body: ChatBody): number {
  return tokensOf(body.messages.map(({ content }) => (typeof content === 'string' ? content : '')).join(''));
}

/** Returns the finish reason, as the metrics name it. */
export async function sendWhole(answering: Answering): Promise<string> {
  const { reply, dialect, response, record, isPlainText } = answering;
  const { pieces, finish } = piecesOf(answering);
  const texts: Record<string, string> = {};
  const half = Math.floor(pieces.length / 2);
  let index = 0;
  for await (const { text, field } of generate(answering, pieces)) {
    if (index === half) failInTheMiddle(answering);
    texts[field] = (texts[field] ?? '') + text;
    index += 1;
  }
  if (answering.signal.aborted) return 'abort';
  const output = Object.values(texts).join('');
  record.sentCharacters = output.length;
  const { content, ...reasoning } = texts;
  const message = {
    role: 'assistant',
    ...dialect.extraMessage?.(),
    content: reply.emptyContent === true ? null : (content ?? ''),
    [reply.reasoningField ?? dialect.reasoningField]: null,
    ...reasoning,
  };
  const end = { logprobs: null, finish_reason: finish, stop_reason: null };
  const whole = {
    ...headOf(answering, isPlainText ? 'text_completion' : 'chat.completion'),
    choices: [isPlainText ? { index: 0, text: output, ...end } : { index: 0, message, ...end }],
    ...(reply.noUsage === true ? {} : { usage: usageOf(answering, output) }),
  };
  writeHead(answering, 'application/json');
  if (write(answering, JSON.stringify(whole)) || answering.faults.crashOnByte === undefined) response.end();
  return finish;
}

/** Returns the finish reason, as the metrics name it. */
export async function sendStream(answering: Answering): Promise<string> {
  const { body, reply, dialect, record, response } = answering;
  writeHead(answering, 'text/event-stream; charset=utf-8');
  if (dialect.streamOpening !== undefined) write(answering, dialect.streamOpening);
  const events = new EventWriter(answering);
  const { pieces, finish } = piecesOf(answering);
  const half = Math.floor(pieces.length / 2);
  let index = 0;
  // The role is sent with the first token, so nothing at all comes from a core that hangs.
  for await (const { text, field } of generate(answering, pieces)) {
    if (index === 0) events.delta({ role: 'assistant', content: '' });
    if (index === half && (await failMidStream(answering))) return 'error';
    if (index === half) failInTheMiddle(answering);
    events.output += text;
    record.sentCharacters = events.output.length;
    if (!events.delta({ [field]: text })) await drained(answering);
    index += 1;
  }
  if (answering.signal.aborted) return 'abort';
  if (index === 0) {
    events.delta({ role: 'assistant', content: '' });
    if (await failMidStream(answering)) return 'error';
  }
  events.delta({ content: '' }, finish);
  if (reply.fault === 'crash-before-usage') {
    setImmediate(() => response.socket?.resetAndDestroy());
    return 'error';
  }
  const isWanted = dialect.usageInStream === 'always' || body.stream_options?.include_usage === true;
  if (isWanted && reply.noUsage !== true) events.usage();
  if (reply.noDone !== true && !write(answering, 'data: [DONE]\n\n')) await drained(answering);
  response.end();
  return finish;
}

class EventWriter {
  output = '';
  readonly #answering: Answering;
  /** What is the same in all events, as text: an engine under 1,000 streams writes little else. */
  readonly #opening: string;
  readonly #isContinuous: boolean;

  constructor(answering: Answering) {
    const { dialect, body, reply, isPlainText } = answering;
    const asked = body.stream_options;
    this.#answering = answering;
    const head = headOf(answering, isPlainText ? 'text_completion' : 'chat.completion.chunk');
    this.#opening = `data: ${JSON.stringify(head).slice(0, -1)},"choices":`;
    this.#isContinuous =
      reply.noUsage !== true &&
      dialect.hasContinuousUsage &&
      asked?.include_usage === true &&
      asked.continuous_usage_stats === true;
  }

  delta(delta: Record<string, string>, finish: string | null = null): boolean {
    const { dialect, isPlainText } = this.#answering;
    const said = isPlainText
      ? { text: delta['content'] ?? Object.values(delta)[0] ?? '' }
      : { delta: { ...dialect.extraMessage?.(), ...delta } };
    const end = { logprobs: null, finish_reason: finish, ...(finish === null ? {} : { stop_reason: null }) };
    return this.#send([{ index: 0, ...said, ...end }], this.#isContinuous);
  }

  usage(): void {
    this.#send([], true);
  }

  #send(choices: unknown[], withUsage: boolean): boolean {
    const usage = withUsage ? `,"usage":${JSON.stringify(usageOf(this.#answering, this.output))}` : '';
    return write(this.#answering, `${this.#opening}${JSON.stringify(choices)}${usage}}\n\n`);
  }
}

/** The pieces as the core makes them: none while it hangs, and no more once the client is gone. */
async function* generate(answering: Answering, pieces: readonly Piece[]): AsyncGenerator<Piece> {
  const { state, faults, reply, signal, startedMs } = answering;
  const paceMs = faults.tokensPerSecond === undefined ? 0 : 1000 / faults.tokensPerSecond;
  let dueMs = startedMs + (faults.ttftMs ?? 0);
  let lastMs = startedMs;
  for (const [index, piece] of pieces.entries()) {
    const delayMs = index === 0 ? 0 : (reply.chunkDelayMs ?? 0);
    await state.step(tokensOf(piece.text), Math.max(delayMs, dueMs - performance.now()), signal);
    if (signal.aborted) return;
    const { timeToFirstToken, prefillTime, interTokenLatency } = state.meter;
    for (const histogram of index === 0 ? [timeToFirstToken, prefillTime] : [interTokenLatency]) {
      histogram.observe(secondsSince(lastMs));
    }
    lastMs = performance.now();
    // A late first token makes the rest no faster.
    if (index === 0) dueMs = lastMs;
    dueMs += paceMs;
    yield piece;
  }
}

function piecesOf({ reply, dialect, maxTokens }: Answering): { pieces: Piece[]; finish: string } {
  const size = reply.chunkCharacters ?? 4;
  const limit = maxTokens * 4;
  const reasoning = (reply.reasoning ?? '').slice(0, limit);
  const content = reply.emptyContent === true ? '' : reply.text;
  const text = content.slice(0, limit - reasoning.length);
  const isCut = text.length < content.length;
  const field = reply.reasoningField ?? dialect.reasoningField;
  const pieces = [
    ...split(reasoning, size).map((text) => ({ text, field })),
    ...split(text, size).map((text) => ({ text, field: 'content' })),
  ];
  return { pieces, finish: isCut ? 'length' : (reply.finishReason ?? 'stop') };
}

function headOf({ body, dialect }: Answering, object: string): Record<string, unknown> {
  const id = `${object === 'text_completion' ? 'cmpl' : 'chatcmpl'}-${randomUUID()}`;
  return { id, object, created: Math.floor(Date.now() / 1000), model: body.model, ...dialect.extra?.() };
}

function usageOf({ body, dialect, reply }: Answering, output: string): Usage {
  const sign = reply.negativeUsage === true ? -1 : 1;
  const prompt = promptTokensOf(body) * sign;
  const completion = tokensOf(output) * sign;
  const usage = { prompt_tokens: prompt, total_tokens: prompt + completion, completion_tokens: completion };
  return dialect.finishUsage?.(usage) ?? usage;
}

/** What stops the whole engine when an answer is half sent. */
function failInTheMiddle({ state, reply, faults }: Answering): void {
  if (faults.hang === 'mid-stream') state.hang();
  if (reply.fault === 'crash-mid-stream') crash(faults);
}

function writeHead({ response, dialect }: Answering, contentType: string): void {
  if (dialect.endsByClosing === true) {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
  }
  response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache' });
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
  // About to crash: nothing more may be sent.
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
