// What the test engines answer: replies one after another, or by rule on the question, each with an optional fault.
// The rules make concurrent conversations independent: the turn is the number of assistant messages already there.
// An engine without a script, and any probe of one token, gets an answer that ends an agent's run and uses nothing up.

import { readFileSync } from 'node:fs';

export interface EngineReply {
  text: string;
  /** Sent before the text, in `reasoningField` or where the engine's own dialect puts it. */
  reasoning?: string;
  reasoningField?: 'reasoning_content' | 'reasoning';
  finishReason?: 'stop' | 'length' | 'error' | 'content_filter';
  fault?: EngineFault;
  /** Characters of one streamed piece; 4 is about a token. */
  chunkCharacters?: number;
  chunkDelayMs?: number;
  /** Leave usage out, even if it is asked for. */
  noUsage?: boolean;
  /** Send `content: null` and no text at all. */
  emptyContent?: boolean;
  /** End the stream without `data: [DONE]`. */
  noDone?: boolean;
  /** Give usage below zero. */
  negativeUsage?: boolean;
}

export type EngineFault =
  /** Accept the request and say nothing. */
  | 'hang'
  /** Stream the first half and say nothing more. */
  | 'hang-mid-stream'
  /** The whole process dies after the first half. */
  | 'crash-mid-stream'
  /** Close the connection cleanly after the first half. */
  | 'end-mid-stream'
  /** HTTP 200 with an error body. */
  | 'error-in-200'
  /** An error event after the first half, as the engine's own dialect sends it. */
  | 'error-mid-stream'
  /** Close the connection before any answer. */
  | 'reset'
  /** Text that is not the protocol. */
  | 'garbage'
  /** The right kind of answer, and text that is not the protocol in the middle of it. */
  | 'garbage-mid-stream'
  /** Finish, but die before the usage. */
  | 'crash-before-usage'
  /** HTTP errors with the body the engine's own dialect gives them. */
  | EngineRefusal;

export interface EngineRefusal {
  status: number;
  message: string;
  type?: string;
  retryAfterS?: number;
  headers?: Record<string, string>;
}

export interface EngineRule {
  /** Regular expression on the first user message; `$1`… in the replies are its groups. */
  pattern: string;
  /** One a turn; the last one repeats. */
  replies: (string | EngineReply)[];
}

export interface EngineScript {
  replies?: (string | EngineReply)[];
  rules?: EngineRule[];
}

export interface EngineMessage {
  role: string;
  content: string;
}

export const DEFAULT_ANSWER = '<think>\nNo note is needed for this.\n</think>\n\n<reply>\nReady.\n</reply>';

/** The reply for a conversation, or null when the script has none left. Takes it off `script.replies`. */
export function nextReply(
  script: EngineScript,
  messages: readonly EngineMessage[],
  maxTokens?: number,
): EngineReply | null {
  const question = messages.find((message) => message.role === 'user')?.content ?? '';
  const turn = messages.filter((message) => message.role === 'assistant').length;
  for (const { pattern, replies } of script.rules ?? []) {
    const match = new RegExp(pattern, 's').exec(question);
    const reply = match === null ? undefined : (replies[turn] ?? replies.at(-1));
    if (match !== null && reply !== undefined) return fill(asReply(reply), match);
  }
  const isUnscripted = script.replies === undefined && script.rules === undefined;
  if (maxTokens === 1 || isUnscripted) return { text: DEFAULT_ANSWER };
  const reply = script.replies?.shift();
  return reply === undefined ? null : asReply(reply);
}

function asReply(reply: string | EngineReply): EngineReply {
  return typeof reply === 'string' ? { text: reply } : reply;
}

function fill(reply: EngineReply, match: RegExpExecArray): EngineReply {
  return { ...reply, text: reply.text.replace(/\$(\d)/g, (whole, digit: string) => match[Number(digit)] ?? whole) };
}

/** MEMA_ENGINE_SCRIPT is JSON, or `@FILE` with it. */
export function scriptFromEnvironment(environment: NodeJS.ProcessEnv): EngineScript {
  const text = environment['MEMA_ENGINE_SCRIPT'];
  if (text === undefined || text === '') return {};
  return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text) as EngineScript;
}
