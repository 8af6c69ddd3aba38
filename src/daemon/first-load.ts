// The start of a worker's own unit: it is ready once its model answers, or once it is known why it does not yet; until then
// the service manager is asked for more time. Guarantee: time is asked for only while the supervisor holds it for progress,
// which it judges itself (`worker.load_stall_ms`, `worker.load_timeout_ms`).
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkerState, WorkerStatus } from '../worker/worker.ts';
import type { SdNotify } from './sd-notify.ts';

const ON_ITS_WAY: ReadonlySet<WorkerState> = new Set(['starting', 'loading']);
/** Asked for again well before it is over. */
const EXTRA_MS = 60_000;
const LOOK_MS = 500;
const ASK_EVERY_LOOKS = 20;

export async function waitForFirstLoad(
  worker: { status(): Pick<WorkerStatus, 'state'> },
  notify: Pick<SdNotify, 'extendTimeout'>,
  signal: AbortSignal,
  lookMs = LOOK_MS,
): Promise<void> {
  for (let look = 0; !signal.aborted && isOnItsWay(worker.status().state, look); look++) {
    if (look % ASK_EVERY_LOOKS === 0) notify.extendTimeout(EXTRA_MS);
    await sleep(lookMs, undefined, { ref: false });
  }
}

/** Before its first step it is `stopped` for a moment. */
function isOnItsWay(state: WorkerState, look: number): boolean {
  return ON_ITS_WAY.has(state) || (state === 'stopped' && look < 2);
}
