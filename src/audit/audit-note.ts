// A record that stands alone: something that happened, without a call that began and ended. Its content is in clear.

import { randomUUIDv7 } from 'node:crypto';
import type { AuditIntent, AuditOutcome } from './audit-log.ts';
import type { AuditFields } from './audit-record.ts';

export interface AuditNote extends Pick<AuditIntent, 'requestId' | 'actor' | 'transport' | 'action' | 'root'> {
  outcome: AuditOutcome['outcome'];
  path?: string;
  code?: string;
  /** Kept as JSON whatever `audit.content` says: no secret, no text of a note. */
  content: unknown;
}

export function noteFields(note: AuditNote, timeMs: number): AuditFields {
  return {
    timeMs,
    callId: randomUUIDv7(),
    requestId: note.requestId.toWellFormed(),
    kind: 'outcome',
    actorKind: note.actor.kind,
    actorId: note.actor.id.toWellFormed(),
    transport: note.transport,
    action: note.action.toWellFormed(),
    root: note.root?.toWellFormed() ?? null,
    operation: null,
    path: note.path?.toWellFormed() ?? null,
    before: null,
    after: null,
    argsDigest: null,
    replyDigest: null,
    content: JSON.stringify(note.content),
    outcome: note.outcome,
    code: note.code?.toWellFormed() ?? null,
    durationMs: null,
  };
}

/** A note of the daemon about its own audit. */
export function ownNote(action: string, content: unknown, outcome: AuditNote['outcome'] = 'ok'): AuditNote {
  return {
    requestId: 'audit',
    actor: { kind: 'system', id: 'audit' },
    transport: 'internal',
    action,
    outcome,
    content,
  };
}
