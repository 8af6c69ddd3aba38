// What the agent costs beside the model: from one answer of the model to the next question, with the real sandbox, notes
// on disk and audit records made durable. Baseline: the same block in the same kind of sandbox process, nothing around it.
// `node test/bench/agent-bench.ts`
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultAgentOptions } from '../../src/agent/ports.ts';
import type { AuditCall } from '../../src/audit/audit-log.ts';
import { openAuditLog } from '../../src/audit/open-audit-log.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ChatBackend, ChatRequest } from '../../src/model/chat-backend.ts';
import { openCoreStore } from '../../src/store/core-store.ts';
import { createGroupCommit } from '../../src/store/group-commit.ts';
import { createUsageRecorder } from '../../src/usage/usage-recorder.ts';
import { block, reply } from '../helpers/agent-run.ts';
import { openRealAgent } from '../helpers/real-agent.ts';

const RUNS = 15;
const BLOCKS_PER_RUN = 19;
const CODE = 'content = read_file("user.md")';

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function show(name: string, values: readonly number[], baselineMs: number): void {
  const [p50, p95] = [quantile(values, 0.5), quantile(values, 0.95)];
  const columns = [p50.toFixed(2), p95.toFixed(2), (p50 / baselineMs).toFixed(1), String(values.length)];
  process.stdout.write(`${name.padEnd(44)}${columns.map((column) => column.padStart(10)).join('')}\n`);
}

/** Answers at once and notes the time between its answer and the next question of the same run. */
function createInstantModel(gapsMs: number[]): ChatBackend {
  const answeredAtMs = new Map<string, number>();
  return {
    name: 'instant',
    async complete({ runId, messages }: ChatRequest) {
      const turn = messages.filter((message) => message.role === 'assistant').length;
      const last = answeredAtMs.get(runId);
      // The first block waits for a process; that is the start of a sandbox, not the cost of a turn.
      if (last !== undefined && turn > 1) gapsMs.push(performance.now() - last);
      answeredAtMs.set(runId, performance.now());
      return {
        text: turn < BLOCKS_PER_RUN ? block(CODE) : reply('done'),
        finishReason: 'stop',
        inputTokens: 0,
        outputTokens: 0,
        tokensEstimated: true,
        timeToFirstTokenMs: 0,
        durationMs: 0,
        backend: 'instant',
        model: 'none',
        degraded: false,
      };
    },
    status: () => ({ state: 'ok', reason: '' }),
  };
}

await using stack = new AsyncDisposableStack();
const directory = await mkdtemp(join(tmpdir(), 'agent-bench-'));
stack.defer(() => rm(directory, { recursive: true, force: true }));
const store = openCoreStore({ directory });
stack.defer(() => store.close());
const groupCommit = createGroupCommit(store.db, {
  onError: (error) => {
    throw error;
  },
});
const audit = openAuditLog({ store, groupCommit, clock: systemClock, recordUsage: createUsageRecorder(store.db) });
const durable = (requestId: string): Promise<AuditCall> =>
  audit.begin({
    requestId,
    actor: { kind: 'local', id: 'local' },
    transport: 'internal',
    action: 'tool.use_memory_agent',
  });

const gapsMs: number[] = [];
const agent = stack.use(
  await openRealAgent(
    {},
    { backend: createInstantModel(gapsMs), options: () => ({ ...defaultAgentOptions, maxTokens: 10_000_000 }) },
  ),
);

const baselineMs: number[] = [];
{
  const signal = new AbortController().signal;
  await using run = await agent.sandbox.openRun({ onCall: async () => '# User Information\n', signal });
  for (let index = 0; index < RUNS * BLOCKS_PER_RUN; index += 1) {
    const startedMs = performance.now();
    await run.execute(CODE, { timeoutMs: 5000, signal });
    baselineMs.push(performance.now() - startedMs);
  }
}
const bareMs = quantile(baselineMs, 0.5);

process.stdout.write(`${'one turn, milliseconds'.padEnd(44)}       p50       p95     ratio     turns\n`);
show('bare sandbox block (baseline)', baselineMs, bareMs);
for (let run = 0; run < RUNS; run += 1) await agent.service.ask(agent.request('x'));
show('agent, audit in memory', gapsMs.splice(0), bareMs);
for (let run = 0; run < RUNS; run += 1) {
  await agent.service.ask(agent.request('x', { auditCall: await durable(`bench-${run}`) }));
}
show('agent, audit durable', gapsMs.splice(0), bareMs);
