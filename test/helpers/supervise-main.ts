// A supervisor as a process of its own, to be killed: `node supervise-main.ts OPTIONS_JSON [blind]` tells its events as lines.
// `blind` is the planted bug: it finds nobody, so it sweeps nothing and ends the leader's group only by chance.
import { systemClock } from '../../src/lib/clock.ts';
import { openWorker } from '../../src/worker/open-worker.ts';
import type { WorkerOptions } from '../../src/worker/worker-options.ts';

const [optionsJson = '{}', planted] = process.argv.slice(2);
const worker = openWorker(JSON.parse(optionsJson) as WorkerOptions, {
  clock: systemClock,
  lookEveryMs: 20,
  gpuCommand: '/nowhere/nvidia-smi',
  onEvent: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
  ...(planted === 'blind' ? { findFamily: () => [] } : {}),
});
worker.start();
// Its parent's death must not leave it behind.
process.stdin.resume().on('end', () => void worker[Symbol.asyncDispose]().then(() => process.exit(0)));
