// Children of this process that ended and were not waited for; there must be none.
import { readProcessTable, type ProcessRow } from '../../../src/worker/process-table.ts';

export function zombies(): ProcessRow[] {
  return readProcessTable().filter((row) => row.isZombie && row.parentPid === process.pid);
}
