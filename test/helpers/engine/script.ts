// What the test engine answers: replies one after another, or by rule on the question, each with an optional fault.
// The rules make concurrent conversations independent: the turn is the number of assistant messages already there.

export interface EngineReply {
  text: string;
  /** Sent before the text in `reasoning_content`, or in `reasoning` if that is named. */
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
  /** An error event after the first half, as vLLM sends it. */
  | 'error-mid-stream'
  /** Close the connection before any answer. */
  | 'reset'
  /** Text that is not the protocol. */
  | 'garbage'
  /** Finish, but die before the usage. */
  | 'crash-before-usage'
  /** HTTP errors with the body vLLM gives them. */
  | { status: number; message: string; type?: string; retryAfterS?: number };

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

/** The reply for a conversation, or null when the script has none left. Takes it off `script.replies`. */
export function nextReply(script: EngineScript, messages: readonly EngineMessage[]): EngineReply | null {
  const question = messages.find((message) => message.role === 'user')?.content ?? '';
  const turn = messages.filter((message) => message.role === 'assistant').length;
  for (const { pattern, replies } of script.rules ?? []) {
    const match = new RegExp(pattern, 's').exec(question);
    const reply = match === null ? undefined : (replies[turn] ?? replies.at(-1));
    if (match !== null && reply !== undefined) return fill(asReply(reply), match);
  }
  const reply = script.replies?.shift();
  return reply === undefined ? null : asReply(reply);
}

function asReply(reply: string | EngineReply): EngineReply {
  return typeof reply === 'string' ? { text: reply } : reply;
}

function fill(reply: EngineReply, match: RegExpExecArray): EngineReply {
  return { ...reply, text: reply.text.replace(/\$(\d)/g, (whole, digit: string) => match[Number(digit)] ?? whole) };
}
