// What lives in core.db: audit, keys, usage, behind one group commit. The daemon and the CLI without a daemon open it alike.
import type { CheckpointSettings } from '../audit/checkpoint-log.ts';
import { openAuditLog, type OpenAuditLog } from '../audit/open-audit-log.ts';
import { openKeyStore, type KeyStore } from '../auth/open-key-store.ts';
import type { AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import { openCoreStore, type CoreStore } from '../store/core-store.ts';
import { createFilesInPlace } from '../store/files-in-place.ts';
import { createGroupCommit, type GroupCommit } from '../store/group-commit.ts';
import { createSpendingRecorder } from '../usage/budget-spending.ts';
import { createUsageRecorder } from '../usage/usage-recorder.ts';

export interface StorePartsOptions {
  stateDirectory: string;
  auditContent: 'digest' | 'full';
  clock: Clock;
  /** Left out: no checkpoints are signed. */
  checkpoints?: CheckpointSettings;
  /** A failed transaction; `fatal` means that nothing may be acknowledged any more. */
  onWriteError(error: AppError, fatal: boolean): void;
  onAuditRecord(): void;
  onAuditProblem(error: AppError): void;
}

export interface StoreParts extends AsyncDisposable {
  core: CoreStore;
  groupCommit: GroupCommit;
  audit: OpenAuditLog;
  keys: KeyStore;
}

export async function openStoreParts(options: StorePartsOptions): Promise<StoreParts> {
  await using stack = new AsyncDisposableStack();
  const { clock } = options;
  const core = stack.use(openCoreStore({ directory: options.stateDirectory }));
  const groupCommit = stack.use(
    createGroupCommit(core.db, {
      clock,
      probe: () => core.probeWrite(),
      onError: options.onWriteError,
    }),
  );
  groupCommit.register(createFilesInPlace(core.path));
  const recordUsage = createUsageRecorder(core.db);
  const recordSpending = createSpendingRecorder(core.db);
  const audit = stack.use(
    openAuditLog({
      store: core,
      groupCommit,
      clock,
      recordUsage(entry) {
        recordUsage(entry);
        recordSpending(entry);
      },
      contentMode: options.auditContent,
      ...(options.checkpoints !== undefined && { checkpoints: options.checkpoints }),
      onRecord: options.onAuditRecord,
      onProblem: options.onAuditProblem,
    }),
  );
  const keys = stack.use(openKeyStore({ store: core, clock, groupCommit }));
  const owned = stack.move();
  return { core, groupCommit, audit, keys, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
