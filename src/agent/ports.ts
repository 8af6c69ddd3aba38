// What the agent needs of the rest of the daemon, and what it gives back. `daemon/compose.ts` fills the ports.
import type { AuditCall } from '../audit/audit-log.ts';
import type { Principal } from '../auth/principal.ts';
import type { Clock } from '../lib/clock.ts';
import type { ChatBackend, CloudPermit } from '../model/chat-backend.ts';
import type { OnCall, Sandbox } from '../sandbox/sandbox.ts';
import type { Tracer } from '../telemetry/tracer.ts';

export interface AgentOptions {
  maxTurns: number;
  blockTimeoutMs: number;
  /** Over everything: waiting, model, blocks. */
  deadlineMs: number;
  /** Input and output tokens of all turns together. */
  maxTokens: number;
  maxOutputTokens: number;
  contextTokens: number;
}

export const defaultAgentOptions: AgentOptions = {
  maxTurns: 20,
  blockTimeoutMs: 20_000,
  deadlineMs: 600_000,
  maxTokens: 200_000,
  maxOutputTokens: 4096,
  contextTokens: 32_768,
};

export interface AgentProgress {
  /** Strictly increasing within a run. */
  step: number;
  message: string;
}

export interface AgentRequest {
  requestId: string;
  question: string;
  principal: Principal;
  /** Every note operation of the run is recorded on this call. */
  auditCall: AuditCall;
  signal: AbortSignal;
  onProgress(progress: AgentProgress): void;
  /** On the monotonic clock; left out, the deadline counts from now. */
  deadlineAtMs?: number;
  /** What of this run may leave the machine; left out, nothing may. */
  cloud?: CloudPermit;
  /** What this run may use in tokens; left out, nobody counts. */
  tokens?: TokenPermit;
}

/** A caller's token budgets; `daemon/` fills it. */
export interface TokenPermit {
  /** Sets aside the most a turn can take. Throws BUDGET_EXCEEDED, and then the turn must not happen. */
  reserve(maxTokens: number): {
    /** What it did take. Called exactly once; what came to nothing took nothing, as in the usage. */
    settle(tokens: number): void;
  };
}

export interface AgentSpent {
  backend: string;
  model: string;
  degraded: boolean;
  turns: number;
  inputTokens: number;
  outputTokens: number;
  modelMs: number;
  /** What paid backends charged, or may have. */
  costUsd: number;
  notesRead: number;
  notesWritten: number;
  /** Something was left out of what the model saw. */
  truncated: boolean;
}

export interface AgentResult extends AgentSpent {
  reply: string;
}

/** The memory functions of one run: bound to its principal, its root and its audit call. */
export interface RunFunctions {
  /** Errors: `GuestError` is raised inside the block; anything else (`AUDIT_UNAVAILABLE`, …) ends the run. */
  onCall: OnCall;
  counts(): { notesRead: number; notesWritten: number };
  /** The run is over and calls nothing any more. */
  close?(): void;
}

export interface TurnFacts {
  backend: string;
  /** `ok` or the error's code. */
  outcome: string;
  durationMs: number;
  timeToFirstTokenMs?: number;
  inputTokens?: number;
  outputTokens?: number;
}

export interface RunFacts extends AgentSpent {
  requestId: string;
  durationMs: number;
  outcome: 'ok' | 'error' | 'cancelled';
  code?: string;
}

export interface AgentPorts {
  options: AgentOptions;
  backend: ChatBackend;
  sandbox: Sandbox;
  clock: Clock;
  tracer: Tracer;
  openFunctions(run: { runId: string; requestId: string; principal: Principal; auditCall: AuditCall }): RunFunctions;
  systemPrompt(): string;
  /** The text of `.filters` as it is now; empty when there is none. */
  filters(): string;
  onTurn?(facts: TurnFacts): void;
  onRunEnd?(facts: RunFacts): void;
}
