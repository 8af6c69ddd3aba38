// The audit log over SQLite: intent before effect, a record a note operation, one outcome a call, each durable before what it
// records shows an effect. Whatever keeps a record from being written becomes AUDIT_UNAVAILABLE, and nothing may happen.

import { randomUUIDv7 } from 'node:crypto';
import { dirname, join } from 'node:path';
import { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { CoreStore } from '../store/core-store.ts';
import type { Durability, GroupCommit } from '../store/group-commit.ts';
import type { AuditCall, AuditIntent, AuditLog, AuditOutcome, NoteOperation, UsageDelta } from './audit-log.ts';
import { createAuditChain } from './audit-chain.ts';
import { createCheckpointLog } from './checkpoint-log.ts';
import type { CheckpointSettings } from './checkpoint-log.ts';
import type { Checkpoint } from './checkpoint.ts';
import { contentText, keyedDigest, loadAuditKey } from './audit-digest.ts';
import type { ChainHead } from './audit-head-file.ts';
import { noteFields } from './audit-note.ts';
import type { AuditNote } from './audit-note.ts';
import { createAuditReader } from './audit-reader.ts';
import type { AuditReader } from './audit-reader.ts';
import type { AuditFields, AuditKind } from './audit-record.ts';
import { createVerificationMemory } from './last-verification.ts';
import type { LastVerification } from './last-verification.ts';
import { pruneAudit } from './prune-audit.ts';
import type { PruneRequest, PruneResult } from './prune-audit.ts';
import { verifyAuditChain } from './verify-audit-chain.ts';
import type { AuditVerification, VerifyQuestion } from './verify-audit-chain.ts';

/** Longer than any path that leads to a note. */
const MAX_PATH_CHARS = 4096;

/** Satisfied by `createUsageRecorder` of `usage/`; runs inside the outcome's transaction. */
export type RecordUsage = (entry: {
  timeMs: number;
  keyId: string;
  isError: boolean;
  isRefused: boolean;
  durationMs: number;
  usage: UsageDelta;
}) => void;

export interface AuditLogOptions {
  store: CoreStore;
  groupCommit: GroupCommit;
  clock: Clock;
  recordUsage: RecordUsage;
  /** Default `<state>/audit.key`; `audit.head` lies beside it. */
  keyFile?: string;
  /** Default `digest`; `full` keeps arguments and replies in clear. */
  contentMode?: 'digest' | 'full';
  /** For metrics, after the record is durable. */
  onRecord?: (kind: AuditKind) => void;
  /** A damaged chain found at the start, or an `audit.head` that could not be written. */
  onProblem?: (error: AppError) => void;
  /** Left out: no checkpoints are signed. */
  checkpoints?: CheckpointSettings;
}

export interface OpenAuditLog extends AuditLog, AuditReader, AsyncDisposable {
  /** Resolves when the record is durable. Throws `AUDIT_UNAVAILABLE`. */
  note(note: AuditNote): Promise<void>;
  verify(question?: VerifyQuestion): Promise<AuditVerification>;
  /** When the whole chain was last recomputed, and what came of it; undefined before the first time since the start. */
  lastVerification(): LastVerification | undefined;
  head(): ChainHead;
  /** What was wrong with the chain when it was opened, or verified last; for `/health`. */
  finding(): string | undefined;
  /** Signs the newest record now. Undefined if nothing is new. Throws `AUDIT_UNAVAILABLE`, or UNSUPPORTED without a key. */
  checkpoint(): Promise<Checkpoint | undefined>;
  /** The public half of the key that signs, as PEM; undefined if none does. */
  publicKey(): string | undefined;
  /** Does nothing while a verification runs. Throws `AUDIT_CHAIN_BROKEN`, `STORE_FAILED`, `AUDIT_UNAVAILABLE`. */
  prune(request: PruneRequest): Promise<PruneResult>;
}

type CallFields = Pick<AuditFields, 'callId' | 'requestId' | 'actorKind' | 'actorId' | 'transport' | 'action' | 'root'>;

/** Dispose it before the group commit and the store: it then leaves an exact `audit.head`. */
export function openAuditLog(options: AuditLogOptions): OpenAuditLog {
  const { store, groupCommit, clock } = options;
  const keyFile = options.keyFile ?? join(store.directory, 'audit.key');
  const headFile = join(dirname(keyFile), 'audit.head');
  const key = loadAuditKey(keyFile);
  const onProblem = options.onProblem ?? (() => undefined);
  const onRecord = options.onRecord ?? (() => undefined);
  const chain = createAuditChain({
    db: store.db,
    clock,
    headFile,
    onRecord(kind) {
      onRecord(kind);
      checkpoints?.recorded();
    },
    onProblem,
  });
  groupCommit.register(chain);
  const parts = { db: store.db, groupCommit, chain, clock };
  const settings = options.checkpoints;
  const checkpoints = settings === undefined ? undefined : createCheckpointLog(parts, settings);
  const verifications = createVerificationMemory(clock);
  let verifying = 0;
  let verifiedFault: string | undefined;
  let pruning: Promise<unknown> = Promise.resolve();
  const keepsContent = options.contentMode === 'full';

  async function begin(intent: AuditIntent, operations: readonly NoteOperation[] = []): Promise<AuditCall> {
    const call: CallFields = {
      callId: randomUUIDv7(),
      requestId: intent.requestId.toWellFormed(),
      actorKind: intent.actor.kind,
      actorId: intent.actor.id.toWellFormed(),
      transport: intent.transport,
      action: intent.action.toWellFormed(),
      root: wellFormed(intent.root),
    };
    await commit(
      () => {
        const timeMs = clock.nowMs();
        const args = contentText(intent.args);
        const argsDigest = args === null ? null : keyedDigest(key, args);
        const first = fields(call, 'intent', timeMs, { argsDigest, content: keepsContent ? args : null });
        const rest = operations.map((operation) => operationFields(call, timeMs, operation));
        return () => {
          chain.append(first);
          for (const record of rest) chain.append(record);
        };
      },
      intent.durableWithNext === true ? 'written' : 'durable',
    );
    return createCall(call);
  }

  function createCall(call: CallFields): AuditCall {
    let isFinished = false;
    return {
      callId: call.callId,
      async operation(operation) {
        refuseAfterOutcome(isFinished, call.action);
        const record = operationFields(call, clock.nowMs(), operation);
        await commit(() => () => chain.append(record));
      },
      async finish(outcome) {
        refuseAfterOutcome(isFinished, call.action);
        isFinished = true;
        try {
          await commit(() => outcomeJob(call, outcome));
        } catch (error) {
          // Not written: the caller may try again once the audit takes records again.
          isFinished = false;
          throw error;
        }
      },
    };
  }

  function outcomeJob(call: CallFields, outcome: AuditOutcome): () => void {
    const timeMs = clock.nowMs();
    const reply = contentText(outcome.reply);
    const durationMs = Math.max(0, Math.round(outcome.durationMs));
    const record = fields(call, 'outcome', timeMs, {
      replyDigest: reply === null ? null : keyedDigest(key, reply),
      content: keepsContent ? reply : null,
      outcome: outcome.outcome,
      code: wellFormed(outcome.code),
      durationMs,
    });
    const { usage } = outcome;
    return () => {
      chain.append(record);
      if (usage === undefined) return;
      const isRefused = outcome.outcome === 'denied';
      const isError = outcome.outcome !== 'ok' && !isRefused;
      options.recordUsage({ timeMs, keyId: call.actorId, isError, isRefused, durationMs, usage });
    };
  }

  async function commit(prepare: () => () => void, durability: Durability = 'durable'): Promise<void> {
    try {
      await groupCommit.enqueue(prepare(), durability);
    } catch (error) {
      if (error instanceof AppError) throw error;
      throw new AppError('AUDIT_UNAVAILABLE', 'An audit record could not be written', {
        hint: 'Look for the request id in the log; nothing was done',
        cause: error,
      });
    }
  }

  return {
    begin,
    note: (note) =>
      commit(() => {
        const record = noteFields(note, clock.nowMs());
        return () => chain.append(record);
      }),
    async verify(question = {}) {
      await pruning;
      verifying += 1;
      try {
        const ownKey = settings === undefined ? {} : { ownKey: settings.key.publicKey };
        const found = await verifications.remember(question, () =>
          verifyAuditChain({ db: store.db, headFile, ...ownKey, ...question }),
        );
        // What somebody brings from outside may be wrong itself.
        if (question.checkpoints === undefined && question.publicKeys === undefined) verifiedFault = found.reason;
        return found;
      } finally {
        verifying -= 1;
      }
    },
    lastVerification: () => verifications.last(),
    head: () => chain.head(),
    finding: () => chain.finding() ?? verifiedFault,
    async checkpoint() {
      if (checkpoints !== undefined) return checkpoints.write();
      throw new AppError('UNSUPPORTED', 'No key signs checkpoints here', { hint: 'Ask the running daemon' });
    },
    publicKey: () => settings?.key.publicPem,
    prune(request) {
      if (verifying > 0) return Promise.resolve({ removed: 0, archive: null });
      const pruned = pruning.then(() => pruneAudit(parts, request));
      pruning = pruned.catch(() => undefined);
      return pruned;
    },
    ...createAuditReader(store.db),
    [Symbol.asyncDispose]: async () => {
      await checkpoints?.close();
      // What was only written is durable with it; if it can't be, `audit.head` names the last record that is.
      await groupCommit.enqueue(() => undefined).catch(() => undefined);
      chain.close();
    },
  };
}

function operationFields(call: CallFields, timeMs: number, operation: NoteOperation): AuditFields {
  return fields(call, 'operation', timeMs, {
    operation: operation.operation.toWellFormed(),
    path: shown(operation.path),
    before: wellFormed(operation.before),
    after: wellFormed(operation.after),
  });
}

type DetailFields = Partial<Omit<AuditFields, keyof CallFields | 'kind' | 'timeMs'>>;

/** Every field in one object literal: the same shape for each record keeps the hot path fast. */
function fields(call: CallFields, kind: AuditKind, timeMs: number, detail: DetailFields): AuditFields {
  return {
    timeMs,
    callId: call.callId,
    requestId: call.requestId,
    kind,
    actorKind: call.actorKind,
    actorId: call.actorId,
    transport: call.transport,
    action: call.action,
    root: call.root,
    operation: detail.operation ?? null,
    path: detail.path ?? null,
    before: detail.before ?? null,
    after: detail.after ?? null,
    argsDigest: detail.argsDigest ?? null,
    replyDigest: detail.replyDigest ?? null,
    content: detail.content ?? null,
    outcome: detail.outcome ?? null,
    code: detail.code ?? null,
    durationMs: detail.durationMs ?? null,
  };
}

/** A path that no note can have is cut: whoever asks for it must not fill the audit. */
function shown(path: string | undefined): string | null {
  return wellFormed(path !== undefined && path.length > MAX_PATH_CHARS ? `${path.slice(0, MAX_PATH_CHARS)}…` : path);
}

/** A lone surrogate would be stored as another character than the one that was hashed. */
function wellFormed(text: string | undefined): string | null {
  return text === undefined ? null : text.toWellFormed();
}

function refuseAfterOutcome(isFinished: boolean, action: string): void {
  if (isFinished) throw new AppError('INTERNAL', `${action} already has its outcome in the audit`);
}
