// The command line of `vllm serve` as the stand-in understands it, and how its dialect of the chat API follows from it.
import type { Dialect, Refusal } from './chat-answer.ts';
import { promptTokensOf } from './chat-output.ts';
import { parseCommandLine } from './command-line.ts';
import type { ChatBody } from './engine-state.ts';
import { vllmGrammar } from './vllm-command-line.ts';

export interface VllmOptions {
  model: string;
  servedNames: string[];
  host: string;
  port: number;
  socketPath: string | undefined;
  apiKeys: string[];
  /** As given; undefined leaves it to the model. */
  maxModelLength: number | undefined;
  maxRunning: number;
  maxQueued: number;
  shutdownTimeoutMs: number;
  /** `/sleep` and its kin are there. */
  hasSleep: boolean;
  unloggedPaths: ReadonlySet<string>;
  hasRequestIds: boolean;
  hasAccessLog: boolean;
  hasStats: boolean;
  hasFaultTolerance: boolean;
  hasReasoningParser: boolean;
  hasPromptTokenDetails: boolean;
}

/** Ends the process with usage on stderr if vLLM would. */
export function parseVllmOptions(args: readonly string[], environment: NodeJS.ProcessEnv): VllmOptions {
  const line = parseCommandLine(args, vllmGrammar);
  const model = line.positionals[0] ?? line.text('model') ?? 'Qwen/Qwen3-0.6B';
  const servedNames = line.list('served-model-name');
  const keys = line.list('api-key');
  return {
    model,
    servedNames: servedNames.length > 0 ? servedNames : [model],
    host: line.text('host') ?? '127.0.0.1',
    port: line.number('port') ?? 8000,
    socketPath: line.text('uds'),
    apiKeys: (keys.length > 0 ? keys : [environment['VLLM_API_KEY'] ?? '']).filter((key) => key !== ''),
    maxModelLength: line.number('max-model-len'),
    maxRunning: line.number('max-num-seqs') ?? Infinity,
    maxQueued: line.number('max-num-queued-reqs') ?? Infinity,
    shutdownTimeoutMs: (line.number('shutdown-timeout') ?? 0) * 1000,
    hasSleep: line.has('enable-sleep-mode') && environment['VLLM_SERVER_DEV_MODE'] === '1',
    unloggedPaths: new Set(line.text('disable-access-log-for-endpoints')?.split(',')),
    hasRequestIds: line.has('enable-request-id-headers'),
    hasAccessLog: !line.has('disable-uvicorn-access-log'),
    hasStats: !line.has('disable-log-stats'),
    hasFaultTolerance: line.has('enable-fault-tolerance'),
    hasReasoningParser: line.has('reasoning-parser'),
    hasPromptTokenDetails: line.has('enable-prompt-tokens-details'),
  };
}

export function vllmDialect(options: VllmOptions, isServed: (model: string) => boolean): Dialect {
  const error: Dialect['error'] = (status, message, type, param = null) => ({
    error: { message, type, param, code: status },
  });
  return {
    thinkField: options.hasReasoningParser ? 'reasoning' : null,
    reasoningField: 'reasoning_content',
    defaultMaxTokens: options.maxModelLength ?? 32_768,
    usageInStream: 'on-request',
    hasContinuousUsage: true,
    error,
    streamError: () =>
      `data: ${JSON.stringify(error(500, 'EngineCore encountered an issue', 'InternalServerError'))}\n\n`,
    refuse: (body) => tooLong(body, options.maxModelLength) ?? notServed(body, isServed),
    finishUsage: (usage) =>
      options.hasPromptTokenDetails ? { ...usage, prompt_tokens_details: { cached_tokens: 0 } } : usage,
  };
}

function tooLong(body: ChatBody, longest: number | undefined): Refusal | null {
  const prompt = promptTokensOf(body);
  const asked = body.max_completion_tokens ?? body.max_tokens ?? 0;
  if (longest === undefined || prompt + asked <= longest) return null;
  const message = `This model's maximum context length is ${longest} tokens. However, you requested ${prompt + asked} tokens (${prompt} in the messages, ${asked} in the completion). Please reduce the length of the messages or completion.`;
  return { status: 400, message, type: 'BadRequestError' };
}

function notServed({ model }: ChatBody, isServed: (model: string) => boolean): Refusal | null {
  if (isServed(model)) return null;
  const message = `The model \`${model}\` does not exist.`;
  return { status: 404, message, type: 'NotFoundError', param: 'model' };
}
