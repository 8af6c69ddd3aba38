// A store with an audit log in a temporary directory, and calls to fill it with.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditIntent } from '../../../src/audit/audit-log.ts';
import type { AuditKind } from '../../../src/audit/audit-record.ts';
import { openAuditLog } from '../../../src/audit/open-audit-log.ts';
import type { AuditLogOptions, OpenAuditLog } from '../../../src/audit/open-audit-log.ts';
import type { AppError } from '../../../src/lib/app-error.ts';
import { openCoreStore } from '../../../src/store/core-store.ts';
import type { CoreStore } from '../../../src/store/core-store.ts';
import { createGroupCommit } from '../../../src/store/group-commit.ts';
import type { GroupCommit } from '../../../src/store/group-commit.ts';
import { createSpendingRecorder } from '../../../src/usage/budget-spending.ts';
import { createUsageRecorder } from '../../../src/usage/usage-recorder.ts';

export interface AuditFixture extends AsyncDisposable {
  directory: string;
  store: CoreStore;
  group: GroupCommit;
  audit: OpenAuditLog;
  recorded: AuditKind[];
  problems: AppError[];
  clock: { nowMs(): number; monotonicMs(): number };
  advance(ms: number): void;
}

export function createStateDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'mema-audit-'));
}

/** Removes a directory it made itself; one that was given stays. */
export function openAudit(given?: string, options: Partial<AuditLogOptions> = {}): AuditFixture {
  const directory = given ?? createStateDirectory();
  let nowMs = Date.UTC(2026, 10, 23, 12);
  const clock = { nowMs: () => nowMs, monotonicMs: () => nowMs };
  const recorded: AuditKind[] = [];
  const problems: AppError[] = [];
  const store = openCoreStore({ directory, busyTimeoutMs: 20 });
  const group = createGroupCommit(store.db, { onError: () => undefined, clock });
  const recordUsage = createUsageRecorder(store.db);
  const recordSpending = createSpendingRecorder(store.db);
  const audit = openAuditLog({
    store,
    groupCommit: group,
    clock,
    recordUsage(entry) {
      recordUsage(entry);
      recordSpending(entry);
    },
    onRecord: (kind) => recorded.push(kind),
    onProblem: (error) => problems.push(error),
    ...options,
  });
  return {
    directory,
    store,
    group,
    audit,
    recorded,
    problems,
    clock,
    advance: (ms) => void (nowMs += ms),
    async [Symbol.asyncDispose]() {
      await audit[Symbol.asyncDispose]();
      await group[Symbol.asyncDispose]();
      store.close();
      if (given === undefined) rmSync(directory, { recursive: true });
    },
  };
}

export function intent(overrides: Partial<AuditIntent> = {}): AuditIntent {
  return {
    requestId: 'req_1',
    actor: { kind: 'key', id: 'k_1' },
    transport: 'http',
    action: 'tool.fetch',
    root: 'default',
    args: { id: 'user.md' },
    ...overrides,
  };
}

/** One whole call: three records. */
export async function auditedCall(audit: OpenAuditLog, path = 'user.md'): Promise<void> {
  const call = await audit.begin(intent(), [{ operation: 'note.read', path }]);
  await call.finish({ outcome: 'ok', reply: 'text', durationMs: 1, usage: { tool: 'fetch', notesRead: 1 } });
}
