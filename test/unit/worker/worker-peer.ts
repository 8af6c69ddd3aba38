// A process of its own for one side of the worker's socket, so that a test can kill it: `serve PATH`, or `use PATH COUNT`, which
// attaches, begins COUNT requests and waits. Says each step on stdout.
import { systemClock } from '../../../src/lib/clock.ts';
import { connectWorker } from '../../../src/worker/connect-worker.ts';
import { serveWorker } from '../../../src/worker/serve-worker.ts';
import { createFakeWorker } from '../../helpers/fake-worker.ts';

const [side = '', socketPath = '', count = '0'] = process.argv.slice(2);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

if (side === 'serve') {
  try {
    await serveWorker({
      socketPath,
      open() {
        const worker = createFakeWorker();
        worker.set({ pid: process.pid });
        return worker;
      },
    });
    say('serving');
  } catch (error) {
    say(error instanceof Error ? error.message : 'failed');
  }
} else {
  const worker = connectWorker({
    name: 'worker',
    socketPath,
    clock: systemClock,
    onLink(event) {
      if (event.type !== 'worker.attached') return;
      for (let index = 0; index < Number(count); index++) worker.beginRequest().progress();
      say('began');
    },
  });
  worker.start();
}
