// At the start: what the search index still holds of memory roots that are not configured any more goes, and so does the space.
// Guarantee: a disk that does not let it costs nothing but that; it is tried again at the next start.
import { toAppError } from '../lib/app-error.ts';
import { dropRemovedRoots, type IndexHandle } from '../memory/index-database.ts';
import { giveBackSpace } from '../store/give-back-space.ts';
import type { Logger } from '../telemetry/logger.ts';

export function tidyIndex(db: IndexHandle, names: readonly string[], logger: Logger): void {
  try {
    const removedRoots = dropRemovedRoots(db, names);
    if (removedRoots.length > 0) logger.info({ component: 'memory', removedRoots }, 'index of removed roots dropped');
    giveBackSpace(db);
  } catch (error) {
    const { code, userMessage } = toAppError(error);
    logger.warn({ component: 'memory', code, reason: userMessage }, 'the index of removed roots stays for now');
  }
}
