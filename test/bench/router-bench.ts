// What router and supervision cost beside the model: one request through three routes, and with a watched worker behind the
// first, against the same engine asked directly (the baseline, in turns with them); then 1,000 streams at the same time.
// Limits: 1 ms more at the median, 1 ms more to the first piece, no stream lost. `node test/bench/router-bench.ts`
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/lib/clock.ts';
import type { ChatBackend, ChatRequest } from '../../src/model/chat-backend.ts';
import { openOpenAiBackend } from '../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../src/model/openai-options.ts';
import { createModelRouter } from '../../src/model/router/model-router.ts';
import type { ModelRouter } from '../../src/model/router/model-router.ts';
import type { WorkerControl } from '../../src/model/worker-control.ts';
import { openWorker } from '../../src/worker/open-worker.ts';
import { defaultWorkerOptions } from '../../src/worker/worker-options.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { until } from '../helpers/until.ts';

const WARM_UP = 100;
const ROUNDS = 1000;
const STREAMS = 1000;
const LIMIT_MS = 1;
const TEXT = '<think>It is in the note.</think>\n<python></python>\n<reply>In Porto, since 2019.</reply>'.repeat(4);

interface Sample {
  totalMs: number;
  firstMs: number;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function requestOf(question: string, onPiece: () => void): ChatRequest {
  return {
    runId: question,
    messages: [
      { role: 'system', content: 'You keep notes. '.repeat(200) },
      { role: 'user', content: question },
    ],
    maxOutputTokens: 512,
    signal: new AbortController().signal,
    isComplete() {
      onPiece();
      return false;
    },
  };
}

async function sample(backend: ChatBackend, question: string): Promise<Sample> {
  const startedMs = performance.now();
  let firstMs = Number.NaN;
  const reply = await backend.complete(
    requestOf(question, () => {
      if (Number.isNaN(firstMs)) firstMs = performance.now() - startedMs;
    }),
  );
  const totalMs = performance.now() - startedMs;
  if (reply.text !== TEXT) throw new Error(`wrong answer: ${reply.text}`);
  return { totalMs, firstMs };
}

function show(name: string, cells: readonly (number | string)[]): void {
  const columns = cells.map((cell) => (typeof cell === 'number' ? cell.toFixed(3) : cell).padStart(12));
  process.stdout.write(`${name.padEnd(34)}${columns.join('')}\n`);
}

function judge(what: string, isMet: boolean): void {
  process.stdout.write(`${isMet ? 'met' : 'MISSED'}: ${what}\n`);
  if (!isMet) process.exitCode = 1;
}

await using stack = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), 'router-bench-'));
stack.defer(() => rm(directory, { recursive: true, force: true }));
const engine = stack.use(
  await startEngine({
    script: {
      rules: [
        { pattern: '^quick', replies: [{ text: TEXT, chunkCharacters: 32 }] },
        { pattern: '^slow', replies: [{ text: TEXT, chunkCharacters: 32, chunkDelayMs: 400 }] },
      ],
    },
  }),
);
const direct = stack.use(
  openOpenAiBackend({
    ...defaultOpenAiOptions,
    baseUrl: engine.baseUrl,
    model: 'mem-agent',
    trust: 'local',
    maxConnections: STREAMS,
  }),
);
const worker = stack.use(
  openWorker(
    {
      ...defaultWorkerOptions,
      profile: 'external',
      model: 'mem-agent',
      listen: engine.baseUrl,
      runtimeDirectory: directory,
    },
    { clock: systemClock, onEvent: () => undefined },
  ),
);
worker.start();
await until('the worker is ready', () => worker.isReady());

/** Stands in its place in the order; it must never be asked. */
const idle = (name: string): ChatBackend => ({
  name,
  complete: () => Promise.reject(new Error(`${name} was asked`)),
  status: () => ({ state: 'ok', reason: 'waits' }),
});
const routed = (control: WorkerControl | null): ModelRouter =>
  createModelRouter({
    routes: [
      { backend: direct, priority: 0, worker: control, isPaid: false, trust: 'local' },
      { backend: idle('second'), priority: 10, worker: null, isPaid: false, trust: 'local' },
      { backend: idle('cloud'), priority: 20, worker: null, isPaid: true, trust: 'cloud' },
    ],
    builtin: null,
    clock: systemClock,
  });
const variants = [
  { name: 'engine asked directly (baseline)', backend: direct as ChatBackend, samples: [] as Sample[] },
  { name: 'router', backend: routed(null) as ChatBackend, samples: [] as Sample[] },
  { name: 'router and watched worker', backend: routed(worker) as ChatBackend, samples: [] as Sample[] },
];
for (let round = -WARM_UP; round < ROUNDS; round += 1) {
  for (let turn = 0; turn < variants.length; turn += 1) {
    const variant = variants[(round + WARM_UP + turn) % variants.length];
    const taken = await sample(variant?.backend ?? direct, `quick ${round}`);
    if (round >= 0) variant?.samples.push(taken);
  }
}

show('one request, milliseconds', ['p50', 'p95', 'ratio', 'first p50', 'first p95']);
const figures = variants.map(({ name, samples }) => {
  const totals = samples.map(({ totalMs }) => totalMs);
  const firsts = samples.map(({ firstMs }) => firstMs);
  return { name, totals, firsts, p50: quantile(totals, 0.5), first: quantile(firsts, 0.5) };
});
const [baseline] = figures;
for (const { name, totals, firsts, p50, first } of figures) {
  const ratio = p50 / (baseline?.p50 ?? Number.NaN);
  show(name, [p50, quantile(totals, 0.95), ratio, first, quantile(firsts, 0.95)]);
}
for (const { name, p50, first } of figures.slice(1)) {
  const more = p50 - (baseline?.p50 ?? 0);
  const later = first - (baseline?.first ?? 0);
  judge(`${name}: ${more.toFixed(3)} ms more at the median`, more <= LIMIT_MS);
  judge(`${name}: first piece ${later.toFixed(3)} ms later at the median`, later <= LIMIT_MS);
}

process.stdout.write('\n');
show(`${STREAMS} streams at once`, ['seconds', 'answered', 'most open', 'ratio']);
let baselineS = Number.NaN;
for (const { name, backend } of [variants[0], variants[2]].filter((variant) => variant !== undefined)) {
  let open = 0;
  let most = 0;
  const startedMs = performance.now();
  const outcomes = await Promise.allSettled(
    Array.from({ length: STREAMS }, async (_, index) => {
      let hasBegun = false;
      const reply = await backend.complete(
        requestOf(`slow ${index}`, () => {
          if (hasBegun) return;
          hasBegun = true;
          open += 1;
          most = Math.max(most, open);
        }),
      );
      open -= 1;
      if (reply.text !== TEXT) throw new Error('wrong answer');
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  if (Number.isNaN(baselineS)) baselineS = seconds;
  const answered = outcomes.filter(({ status }) => status === 'fulfilled').length;
  show(name, [seconds, String(answered), String(most), seconds / baselineS]);
  judge(`${name}: every stream answered whole`, answered === STREAMS);
}
