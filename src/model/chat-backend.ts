// What the agent loop asks of a model, whoever serves it.

export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

export interface ChatRequest {
  /** Stays the same over the turns of one run, so that a router can keep the prefix cache warm. */
  runId: string;
  messages: readonly ChatMessage[];
  maxOutputTokens: number;
  signal: AbortSignal;
  /** Called with the text so far while it streams; true means the rest is of no use. Paid backends ignore it. */
  isComplete(text: string): boolean;
}

/** A memory call that can run without Python; only `builtin` gives these. `variable` is the Python name it is assigned to. */
export interface DirectCall {
  variable: string;
  name: string;
  args: readonly (string | number)[];
}

export interface ChatReply {
  /** Raw text of the model, reasoning put back in front as `<think>…</think>` if the server split it off. */
  text: string;
  finishReason: 'stop' | 'length' | 'complete' | 'error';
  inputTokens: number;
  outputTokens: number;
  /** True when the server gave no usage and the figures are estimates. */
  tokensEstimated: boolean;
  timeToFirstTokenMs: number;
  durationMs: number;
  backend: string;
  model: string;
  /** True when this is not the model the operator asked for (`builtin`, or a fallback). */
  degraded: boolean;
  directCalls?: readonly DirectCall[];
}

export interface BackendStatus {
  state: 'ok' | 'degraded' | 'failed';
  reason: string;
}

/** Errors: `MODEL_UNAVAILABLE` (refused, timed out, 5xx), `MODEL_FAILED` (4xx), `MODEL_PROTOCOL`, `CANCELLED`. */
export interface ChatBackend {
  readonly name: string;
  complete(request: ChatRequest): Promise<ChatReply>;
  /** What is known without calling the model; cheap. */
  status(): BackendStatus;
}
