// Follows `.memory_path` and `.mlx_model_name`: what is written there is in effect at the next question, and within seconds for
// everyone else. Guarantees: a file that is being written is not read half; a wrong one is told once and tried again.
import { setTimeout as sleep } from 'node:timers/promises';
import { haveLegacyFilesChanged, listLegacyFiles } from '../config/filters-file.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { toAppError, type AppError } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';

const POLL_MS = 2000;
/** What looks the same for so long has been written to its end: many an editor empties a file first. */
const SETTLE_MS = 50;
const MOST_LOOKS = 20;
/** A file that was wrong is tried again, because the mend may lie elsewhere (a directory that is there now). */
const RETRY_MS = 30_000;

export interface LegacyFilesFollower extends AsyncDisposable {
  /** Resolves once a change that was made before the call is in effect, or was refused. Never throws. */
  catchUp(): Promise<void>;
}

export interface FollowOptions {
  loaded(): LoadedConfig;
  reload(): Promise<unknown>;
  onProblem(error: AppError): void;
  clock: Clock;
}

export function startFollowingLegacyFiles(options: FollowOptions): LegacyFilesFollower {
  let work: Promise<void> | undefined;
  let failed: { look: string; atMs: number; message: string } | undefined;

  function isDue(): boolean {
    const loaded = options.loaded();
    if (!haveLegacyFilesChanged(loaded)) return false;
    if (failed === undefined || failed.look !== lookOf(loaded)) return true;
    return options.clock.monotonicMs() - failed.atMs >= RETRY_MS;
  }

  async function reloadSettled(): Promise<void> {
    let look = lookOf(options.loaded());
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      await sleep(SETTLE_MS);
      const before = look;
      look = lookOf(options.loaded());
      if (look === before) break;
    }
    try {
      await options.reload();
      failed = undefined;
    } catch (error) {
      const appError = toAppError(error);
      if (failed?.message !== appError.userMessage) options.onProblem(appError);
      failed = { look, atMs: options.clock.monotonicMs(), message: appError.userMessage };
    }
  }

  const catchUp = async (): Promise<void> => {
    if (work === undefined && !isDue()) return;
    work ??= reloadSettled().finally(() => (work = undefined));
    await work;
  };
  const timer = setInterval(() => void catchUp(), POLL_MS).unref();
  return {
    catchUp,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await work;
    },
  };
}

function lookOf(loaded: LoadedConfig): string {
  return JSON.stringify(listLegacyFiles(loaded));
}
