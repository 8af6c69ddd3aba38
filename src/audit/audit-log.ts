// What the rest of the daemon needs of the audit: intent before effect, a record a note operation, one outcome a call.

export interface AuditActor {
  kind: 'key' | 'jwt' | 'local' | 'system';
  id: string;
}

export interface AuditIntent {
  requestId: string;
  actor: AuditActor;
  transport: 'http' | 'socket' | 'stdio' | 'cli' | 'internal';
  /** `tool.fetch`, `resource.read`, `key.create`, `config.reload`, … */
  action: string;
  /** Memory root the call is about, if any. */
  root?: string;
  /** Arguments as JSON; stored only as a keyed digest unless `audit.content` says `full`. */
  args?: unknown;
  /** Nothing happens before the call's next record that outlives the process: the intent is durable with that one, at the
   * latest with the outcome, before an answer leaves. Default: durable at once. */
  durableWithNext?: boolean;
}

export interface NoteOperation {
  /** `note.read`, `note.write`, `note.delete`, `note.list`, `note.search`, `dir.create`, `cloud.send`, … */
  operation: string;
  /** Path of the note inside its root (stored in clear: it is what an auditor asks for); where a `cloud.send` went. */
  path?: string;
  /** Content version before and after a write, where known. */
  before?: string;
  after?: string;
}

export interface AuditOutcome {
  outcome: 'ok' | 'error' | 'denied' | 'cancelled';
  code?: string;
  /** Reply, stored as a keyed digest unless `audit.content` says `full`. */
  reply?: unknown;
  durationMs: number;
  /** Added to usage in the same transaction. */
  usage?: UsageDelta;
}

export interface UsageDelta {
  tool: string;
  backend?: string;
  inputTokens?: number;
  outputTokens?: number;
  modelMs?: number;
  turns?: number;
  notesRead?: number;
  notesWritten?: number;
  /** What cloud models cost; kept as whole micro-dollars, rounded up. */
  costUsd?: number;
}

export interface AuditCall {
  readonly callId: string;
  /** Resolves when the record is durable; throws `AUDIT_UNAVAILABLE`, and then the operation must not happen. */
  operation(operation: NoteOperation): Promise<void>;
  /** Writes the outcome and the usage in one transaction. Throws `AUDIT_UNAVAILABLE`. */
  finish(outcome: AuditOutcome): Promise<void>;
}

export interface AuditLog {
  /** Resolves when intent (and the operations given with it) are written, and durable unless the intent says that this may
   * wait. Throws `AUDIT_UNAVAILABLE`. */
  begin(intent: AuditIntent, operations?: readonly NoteOperation[]): Promise<AuditCall>;
}
