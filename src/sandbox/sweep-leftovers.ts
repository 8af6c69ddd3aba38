// Removes what a killed daemon left in the cache directory: canaries and half-written snapshots.
// Guarantee: nothing younger than ten minutes goes, so a daemon that is at work beside this one loses nothing.
import { readdirSync, rmSync, statSync } from 'node:fs';

const LEFTOVER = /^(canary-[0-9a-f]+\.txt|sandbox-.*\.tmp)$/;
const OLD_AFTER_MS = 600_000;

export function sweepLeftovers(cacheDirectory: string, nowMs: number): void {
  for (const name of readdirSync(cacheDirectory)) {
    if (!LEFTOVER.test(name)) continue;
    const file = `${cacheDirectory}/${name}`;
    const stat = statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && nowMs - stat.mtimeMs > OLD_AFTER_MS) rmSync(file, { force: true });
  }
}
