// Ends an engine that outlived its supervisor, before a new one is started.
// Guarantee: resolves only when nothing of it is left; what its record doesn't prove to be ours is left alone.
import { AppError } from '../lib/app-error.ts';
import { endFamily } from './end-family.ts';
import { createIdentityFile } from './identity-file.ts';
import type { IdentityFile } from './identity-file.ts';
import { findFamily, isAlive } from './process-family.ts';
import type { FindFamily } from './process-family.ts';

export interface SweepOptions {
  identityFile: IdentityFile;
  findFamily: FindFamily;
  graceMs: number;
  killWaitMs?: number;
}

export interface Swept {
  processes: number;
  /** As it was before their start. */
  gpuUsedBytes: number;
}

/** What was ended, null when there was nothing. Throws WORKER_FAILED when it can't or mustn't be: a second would break both. */
export async function sweepWorker({ identityFile, ...how }: SweepOptions): Promise<Swept | null> {
  const identity = identityFile.read();
  if (identity === null) return null;
  const { mark, pid, startToken, supervisor } = identity;
  if (supervisor.pid !== process.pid && isAlive(supervisor)) {
    throw new AppError('WORKER_FAILED', `Another process supervises this worker (pid ${supervisor.pid})`, {
      hint: 'Use that one by worker.supervisor = "process", or stop it',
    });
  }
  const family = { mark, leader: pid === null ? null : { pid, startToken } };
  const found = how.findFamily(family).length;
  const left = await endFamily({ family, leaderFirst: false, ...how });
  if (left.length > 0) {
    throw new AppError(
      'WORKER_FAILED',
      `An earlier worker does not end (pid ${left.map((row) => row.pid).join(', ')})`,
      {
        hint: 'It hangs in the kernel, most often in a GPU driver: restart the machine if it stays',
      },
    );
  }
  identityFile.remove();
  return found === 0 ? null : { processes: found, gpuUsedBytes: identity.gpuUsedBytes };
}

/** For a daemon that has no worker any more: ends what a killed one of this name left. */
export async function sweepLeftWorker(options: {
  runtimeDirectory: string;
  name: string;
  graceMs: number;
}): Promise<Swept | null> {
  const identityFile = createIdentityFile(options.runtimeDirectory, options.name);
  return await sweepWorker({ identityFile, findFamily, graceMs: options.graceMs });
}
