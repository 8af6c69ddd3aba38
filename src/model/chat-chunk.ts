// One piece of a streamed answer, or a whole unstreamed one, as OpenAI-compatible servers really send them: untrusted JSON -> typed.
// Guarantee: both names for reasoning are known, an error body is found wherever it stands, and odd types never throw later.
import { AppError } from '../lib/app-error.ts';

export interface ChatChunk {
  content: string;
  reasoning: string;
  finishReason: string | null;
  usage: { inputTokens: number; outputTokens: number; costUsd?: number } | null;
  model: string | null;
  error: ServerError | null;
  /** All of it, for what only one kind of server says. */
  json: Readonly<Record<string, unknown>>;
}

export interface ServerError {
  message: string;
  /** HTTP status the server meant, if it said one. */
  status: number | null;
}

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export function parseChunk(text: string): ChatChunk {
  const json = parseJson(text);
  const choice = Array.isArray(json['choices']) && isObject(json['choices'][0]) ? json['choices'][0] : {};
  const part = isObject(choice['delta']) ? choice['delta'] : isObject(choice['message']) ? choice['message'] : {};
  const finish = choice['finish_reason'];
  return {
    content: textOf(part['content']),
    reasoning: textOf(part['reasoning_content'] ?? part['reasoning']),
    finishReason: typeof finish === 'string' ? finish : null,
    usage: usageOf(json['usage']),
    model: typeof json['model'] === 'string' ? json['model'] : null,
    error: serverErrorOf(json) ?? serverErrorOf(choice),
    json,
  };
}

/** The error in a body, in any of the shapes in use: `{error: {message, code}}`, `{error: "…"}`, `{message}`, `{detail}`. */
export function parseErrorBody(body: string): ServerError {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    return {
      message: body
        .replace(/<[^<>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim(),
      status: null,
    };
  }
  if (!isObject(json)) return { message: '', status: null };
  const found = serverErrorOf(json);
  if (found !== null) return found;
  const message = [json['message'], json['detail']].find((value) => typeof value === 'string');
  return { message: message ?? '', status: null };
}

function serverErrorOf(json: Json): ServerError | null {
  const error = json['error'];
  if (typeof error === 'string' && error !== '') return { message: error, status: null };
  if (!isObject(error)) return null;
  const status = Number(error['code'] ?? error['status']);
  const message = typeof error['message'] === 'string' ? error['message'] : 'no reason given';
  return { message, status: Number.isInteger(status) && status >= 400 && status < 600 ? status : null };
}

function usageOf(value: unknown): ChatChunk['usage'] {
  if (!isObject(value)) return null;
  const inputTokens = value['prompt_tokens'];
  const outputTokens = value['completion_tokens'];
  if (typeof inputTokens !== 'number' || !Number.isFinite(inputTokens)) return null;
  const cost = value['cost'];
  return {
    inputTokens,
    outputTokens: typeof outputTokens === 'number' ? outputTokens : 0,
    ...(typeof cost === 'number' && Number.isFinite(cost) && cost >= 0 && { costUsd: cost }),
  };
}

/** Text, null, or a list of parts that each hold a text. */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return '';
  return value.map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : '')).join('');
}

function parseJson(text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw notTheProtocol(text, error);
  }
  if (!isObject(json)) throw notTheProtocol(text, undefined);
  return json;
}

function notTheProtocol(text: string, cause: unknown): AppError {
  return new AppError('MODEL_PROTOCOL', `The model server did not speak the OpenAI protocol: ${text.slice(0, 80)}`, {
    hint: 'Check that model.base_url points to the API, usually ending in /v1',
    cause,
  });
}
