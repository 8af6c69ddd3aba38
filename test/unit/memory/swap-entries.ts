// Thread of the race test: swaps a file and a directory of the root for links to the canary, as fast as it can.

import { renameSync, rmSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

const { base, directory, stop } = workerData as { base: string; directory: string; stop: SharedArrayBuffer };
const flag = new Int32Array(stop);
mkdirSync(join(base, 'spare/real-dir'), { recursive: true });
writeFileSync(join(base, 'spare/real-dir/note.md'), 'inside');
/** A write may make the directory anew between two steps; then this round is over for it. */
function swapDirectory(): void {
  try {
    rmSync(join(directory, 'dir'), { recursive: true, force: true });
    renameSync(join(base, 'spare/real-dir'), join(directory, 'dir'));
    renameSync(join(directory, 'dir'), join(base, 'spare/real-dir'));
    symlinkSync(join(base, 'outside'), join(directory, 'dir'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'EEXIST' && code !== 'ENOTEMPTY' && code !== 'ENOENT') throw error;
  }
}

for (let round = 0; Atomics.load(flag, 0) === 0; round++) {
  const file = join(base, `spare/file-${round}`);
  writeFileSync(file, 'inside');
  renameSync(file, join(directory, 'note.md'));
  symlinkSync(join(base, 'outside/note.md'), file);
  renameSync(file, join(directory, 'note.md'));
  swapDirectory();
  Atomics.store(flag, 1, round);
}
parentPort?.postMessage('stopped');
