// What the agent loop asks of a model, whoever serves it.
import type { AppError } from '../lib/app-error.ts';

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
  /** What may leave this machine for whoever asks; left out, nothing may. */
  cloud?: CloudPermit;
  /** True once the run has changed a note: then nobody may start it again from its question. */
  hasWritten?: boolean;
  /** What the waiting client is told, such as that a model is being loaded. */
  onProgress?(message: string): void;
}

/** One caller's consent, money and audit for text that leaves this machine. `daemon/` fills it from the key. */
export interface CloudPermit {
  /** The owner of the notes has agreed that this key's questions may go to a cloud model. */
  readonly consent: boolean;
  /** What the call has cost so far, lost answers included; the figure for its usage. */
  readonly spentUsd?: number;
  /** Sets aside what a request may cost at most. Throws BUDGET_EXCEEDED, and then nothing may leave. */
  reserve(maxCostUsd: number): CloudReservation;
  /** Resolves when the egress is in the audit. Throws AUDIT_UNAVAILABLE, and then nothing may leave. */
  recordEgress(egress: Egress): Promise<void>;
}

export interface CloudReservation {
  /** What it did cost; the rest is free again. Called exactly once, with 0 when nothing was spent. */
  settle(costUsd: number): void;
}

export interface Egress {
  backend: string;
  model: string;
  sizeBytes: number;
  redactions: number;
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
  /** Only a backend that costs money knows it. */
  costUsd?: number;
  directCalls?: readonly DirectCall[];
}

export interface BackendStatus {
  state: 'ok' | 'degraded' | 'failed';
  reason: string;
}

/**
 * Errors: `MODEL_UNAVAILABLE` (refused, timed out, 5xx), `MODEL_FAILED` (4xx), `MODEL_PROTOCOL`, `CANCELLED`; of a cloud
 * backend also `CONSENT_REQUIRED`, `BUDGET_EXCEEDED`, `PRIVACY_REFUSED`, `AUDIT_UNAVAILABLE`, each before a byte has left;
 * `PRIVACY_REFUSED` also for an answer that broke our rules or can't be put back together.
 */
export interface ChatBackend {
  readonly name: string;
  complete(request: ChatRequest): Promise<ChatReply>;
  /** What is known without calling the model; cheap. */
  status(): BackendStatus;
  /** Why a question asked now would be refused for want of a model, with when to come back; null while one may answer. */
  refusal?(): AppError | null;
}
