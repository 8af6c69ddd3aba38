// The upkeep of audit and usage, with this daemon's settings; what it finds goes to the log, the metrics and the audit.
import { ownNote } from '../audit/audit-note.ts';
import type { Clock } from '../lib/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { Logger } from '../telemetry/logger.ts';
import { rollUpUsage } from '../usage/roll-up-usage.ts';
import type { ReloadableConfig } from './reloadable-config.ts';
import { startUpkeep } from './start-upkeep.ts';
import type { StoreParts } from './store-parts.ts';

export interface UpkeepParts {
  settings: ReloadableConfig;
  parts: StoreParts;
  events: Events;
  logger: Logger;
  clock: Clock;
}

export function openUpkeep({ settings, parts, events, logger, clock }: UpkeepParts): AsyncDisposable {
  const { audit, groupCommit, core } = parts;
  return startUpkeep({
    clock,
    settings() {
      const { verifyIntervalHours, retentionDays, archiveDir } = settings.config.audit;
      return { verifyIntervalHours, retentionDays, archiveDirectory: archiveDir };
    },
    verify: (question) => audit.verify(question),
    prune: (request) => audit.prune(request),
    async rollUpUsage() {
      await groupCommit.enqueue(() => rollUpUsage(core.db, settings.config.usage, clock.nowMs()));
    },
    async onVerified({ ok, records, reason = 'unknown' }) {
      events.auditChainChecked({ valid: ok, records, ...(!ok && { reason }) });
      if (!ok) await audit.note({ ...ownNote('security.chain_broken', reason, 'error'), code: 'AUDIT_CHAIN_BROKEN' });
    },
    onPruned: ({ removed, archive }) => events.auditPruned({ removed, archive: archive ?? 'none' }),
    onProblem: ({ code, userMessage }) => logger.error({ component: 'audit', code }, userMessage),
  });
}
