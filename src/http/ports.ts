// What the listeners need from the rest of the daemon. `daemon/compose.ts` fills every port; nothing here knows how.
import type { AgentResult as RunResult } from '../agent/ports.ts';
import type { AuditCall, AuditLog } from '../audit/audit-log.ts';
import type { AuthFailure } from '../auth/login-failure-log.ts';
import type { Principal } from '../auth/principal.ts';
import type { RateLimitName, RateLimits } from '../auth/rate-limits.ts';
import type { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { ComponentHealth } from '../lib/component.ts';
import type { MemoryRoot } from '../memory/memory-root.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Tracer } from '../telemetry/tracer.ts';

/** Where a call came in; also the word in its audit record. */
export type CallTransport = 'http' | 'socket' | 'stdio';
export type ListenerName = 'http' | 'ops' | 'admin';

export interface AskAgentRequest {
  question: string;
  principal: Principal;
  requestId: string;
  /** Aborted when the client goes away, cancels, or the daemon gives up waiting. */
  signal: AbortSignal;
  /** One short line for a person about what happens now. */
  onProgress: (message: string) => void;
  /** Every note operation of the run is recorded on this call. */
  auditCall: AuditCall;
}

/** What a client and its usage see of a run. */
export type AgentResult = Omit<RunResult, 'truncated'>;

export interface RequestFacts {
  listener: ListenerName;
  /** The route's pattern, never the path a client typed. */
  route: string;
  method: string;
  status: number;
  durationMs: number;
}

/** One JSON-RPC message and the HTTP status it got. */
export interface McpMessageFacts {
  transport: CallTransport;
  /** As the client wrote it; whoever counts it must bound it. */
  method: string;
  protocol: string;
  code: string;
}

export interface ToolCallFacts {
  requestId: string;
  /** Id of the principal. */
  principal: string;
  tool: string;
  outcome: 'ok' | 'error' | 'denied' | 'cancelled';
  code?: string;
  /** The path it named is out of the root or of the caller's paths, whatever the caller was told. */
  leadsOut?: boolean;
  durationMs: number;
}

/** A resource that was asked for by a path out of the root or of the caller's paths. */
export interface PathRefusedFacts {
  requestId: string;
  principal: Principal;
  method: string;
  /** What the caller got. */
  code: string;
}

/** A request that was refused because too many came. */
export interface LimitedFacts {
  limit: RateLimitName;
  tool?: string;
  /** Left out where nobody knows who it is; then the address says where it came from. */
  principal?: Principal;
  address?: string;
  requestId: string;
}

/** A caller that is known, and may not do what it asked for. */
export interface AccessDeniedFacts {
  principal: Principal;
  requestId: string;
  /** An MCP method, or the method and the pattern of a route: never what a client made up. */
  asked: string;
}

/** The key is known and good, or why it is not (for the log and the aggregated audit; the client only hears 401). */
export type KeyVerdict = Principal | { failure: AuthFailure };

export interface HttpPorts {
  audit: AuditLog;
  rootOf(principal: Principal): MemoryRoot;
  verifyKey(token: string): KeyVerdict;
  /** Left out where no identity provider is configured. Throws IDENTITY_UNAVAILABLE. */
  verifyJwt?: ((token: string) => Promise<KeyVerdict>) | undefined;
  /** Who this id stands for now: `local`, or a key that is active. */
  principalOf(id: string): Principal | undefined;
  onAuthFailure(address: string, reason: AuthFailure): void;
  limits: RateLimits;
  /** May come at any rate: whatever it does must be cheap. */
  onLimited(facts: LimitedFacts): void;
  /** Why the agent would refuse a question of this caller now (QUEUE_FULL, DRAINING, MODEL_UNAVAILABLE), or null. */
  agentRefusal(principal: Principal): AppError | null;
  /** Throws AppError; the code reaches the client. */
  askAgent(request: AskAgentRequest): Promise<AgentResult>;
  health(): Readonly<Record<string, ComponentHealth>>;
  /** The text of `/metrics`. */
  metrics(): Promise<string>;
  isReady(): boolean;
  isDraining(): boolean;
  onRequest(facts: RequestFacts): void;
  onMcpMessage(facts: McpMessageFacts): void;
  onToolCall(facts: ToolCallFacts): void;
  onPathRefused(facts: PathRefusedFacts): void;
  /** Not for tools, whose calls tell it themselves. */
  onAccessDenied(facts: AccessDeniedFacts): void;
  logger: Logger;
  clock: Clock;
  tracer: Tracer;
}
