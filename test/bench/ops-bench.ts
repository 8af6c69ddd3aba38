// How quickly the ops endpoints answer while the daemon has all it can do: questions, searches and writes from 32 clients in a
// process of their own, which gives way to the daemon: real clients have processors of their own. Baseline in the same run: the
// same endpoints before the load.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool } from '../helpers/call-tool.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

const CLIENTS = 32;
const LOOKS = 150;
const PAUSE_MS = 50;
const PATHS = ['/livez', '/readyz', '/health', '/metrics', '/admin/v1/status'];

if (process.send === undefined) await look();
else await load();

async function look(): Promise<void> {
  await using daemon = await startDaemon();
  const measure = async (): Promise<Map<string, number[]>> => {
    const timesMs = new Map<string, number[]>(PATHS.map((path) => [path, []]));
    for (let round = 0; round < LOOKS; round += 1) {
      for (const path of PATHS) {
        const startedMs = performance.now();
        const response = await fetch(new URL(path, daemon.opsUrl), {
          headers: { authorization: `Bearer ${daemon.keys.admin}` },
        });
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`${path} answered ${response.status}`);
        timesMs.get(path)?.push(performance.now() - startedMs);
      }
      await sleep(PAUSE_MS);
    }
    return timesMs;
  };
  const quiet = await measure();
  const clients = fork(import.meta.filename, [daemon.url, daemon.keys.client]);
  await once(clients, 'message');
  await sleep(1000);
  const loaded = await measure();
  const calls = once(clients, 'message');
  clients.send('end');
  const [made] = (await calls) as [number];
  await once(clients, 'exit');
  process.stdout.write(`${made} calls meanwhile\n`);
  process.stdout.write(`${'ms (target p95 20 under load)'.padEnd(32)}quiet p95     loaded p50     loaded p95\n`);
  for (const path of PATHS) {
    const [before = [], after = []] = [quiet.get(path), loaded.get(path)];
    const cells = [percentile(before, 0.95), percentile(after, 0.5), percentile(after, 0.95)];
    process.stdout.write(`${path.padEnd(26)}${cells.map((cell) => cell.toFixed(1).padStart(15)).join('')}\n`);
  }
}

/** As many questions, searches and writes as it takes. */
async function load(): Promise<void> {
  const [url = '', key = ''] = process.argv.slice(2);
  setPriority(10);
  const ending = new AbortController();
  process.once('message', () => ending.abort());
  process.send?.('begun');
  let calls = 0;
  const client = async (number: number): Promise<void> => {
    for (let index = 0; !ending.signal.aborted; index += 1) {
      const what = (number + index) % 3;
      if (what === 0) await callTool({ url, key }, 'use_memory_agent', { question: 'Where does Ada live?' });
      else if (what === 1) await callTool({ url, key }, 'search', { query: 'Ada' });
      else
        await callTool({ url, key }, 'create_file', {
          path: `load/${number}-${index}.md`,
          content: '# Ada\n- city: Paris\n',
        });
      calls += 1;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, number) => client(number)));
  process.send?.(calls);
  process.disconnect?.();
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
