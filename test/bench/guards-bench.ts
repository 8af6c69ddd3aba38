// What it costs that a call is checked, limited, budgeted and recorded: each guard by itself and all of them together, with the
// database on a real disk, one call at a time and 16 at once. Baseline in the same run: one bare durable insert.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Principal } from '../../src/auth/principal.ts';
import { createBudgets } from '../../src/auth/budgets.ts';
import { createRateLimits } from '../../src/auth/rate-limits.ts';
import { openStoreParts } from '../../src/daemon/store-parts.ts';
import { callRefusal } from '../../src/http/mcp/call-refusal.ts';
import { TOOLS_BY_NAME } from '../../src/http/mcp/tool-table.ts';
import { networkRefusal } from '../../src/http/middleware/caller-network.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { MemoryRoot } from '../../src/memory/memory-root.ts';
import { createSpentReader } from '../../src/usage/budget-spending.ts';

const CALLS = 3000;
const AT_ONCE = 16;
const CALL = { method: 'tools/call', id: 1, params: { name: 'search', arguments: { query: 'lisbon' } } };
const SEARCH = TOOLS_BY_NAME.get('search');

// Must lie on a real disk: on tmpfs an fsync costs nothing.
const directory = mkdtempSync('/var/tmp/mem-agent-bench-');
const fail = (error: Error): never => {
  throw error;
};

try {
  await using parts = await openStoreParts({
    stateDirectory: join(directory, 'state'),
    auditContent: 'digest',
    clock: systemClock,
    onWriteError: fail,
    onAuditRecord: () => undefined,
    onAuditProblem: fail,
  });
  const { key } = await parts.keys.create({
    name: 'bench',
    policy: {
      readPaths: ['projects/', 'user.md'],
      tools: ['search', 'fetch'],
      cidrs: ['10.0.0.0/8', '127.0.0.0/8'],
      limits: { requestsPerMinute: 1_000_000, tokensPerDay: 1_000_000_000, toolCallsPerMinute: { search: 1_000_000 } },
    },
  });
  // Others that are there: a look-up must not depend on how many.
  for (let index = 0; index < 200; index += 1) await parts.keys.create({ name: `other ${index}` });
  const limits = createRateLimits({ authFailuresPerMinute: () => 20 });
  const budgets = createBudgets({ spent: createSpentReader(parts.core.db), clock: systemClock });
  // Only whether there is one is asked.
  const rootOf = (): MemoryRoot => ({}) as MemoryRoot;

  const authenticate = (): Principal => {
    const verdict = parts.keys.verify(key);
    if ('failure' in verdict) throw new Error(verdict.failure);
    return verdict;
  };
  const known = authenticate();
  const judge = (principal: Principal): void => {
    const refusal = networkRefusal(principal, '127.0.0.1') ?? callRefusal(CALL, SEARCH, principal, { rootOf });
    if (refusal !== null) throw new Error('refused');
  };
  const limit = async (principal: Principal): Promise<void> => {
    await limits.request(principal);
    await limits.toolCall(principal, 'search');
    if (budgets.runRefusal(principal) !== null) throw new Error('refused');
  };
  const record = async (principal: Principal): Promise<void> => {
    const call = await parts.audit.begin({
      requestId: 'req_0123456789abcdef',
      actor: { kind: principal.kind, id: principal.id },
      transport: 'http',
      action: 'tool.search',
      root: principal.root,
      args: CALL.params.arguments,
      durableWithNext: true,
    });
    await call.finish({
      outcome: 'ok',
      reply: { results: [] },
      durationMs: 1,
      usage: { tool: 'search', notesRead: 1, inputTokens: 10 },
    });
  };
  const all = async (): Promise<void> => {
    const principal = authenticate();
    judge(principal);
    await limit(principal);
    await record(principal);
  };
  const bare = async (): Promise<void> => parts.core.probeWrite();

  const rows: [string, () => unknown, number][] = [
    ['one bare durable write (baseline)', bare, 1],
    ['key', authenticate, 1],
    ['network, scope, tools, root', () => judge(known), 1],
    ['rates and budgets', () => limit(known), 1],
    ['audit (intent, outcome) and usage', () => record(known), 1],
    ['all together, one at a time (target p50 0.5)', all, 1],
    [`all together, ${AT_ONCE} at once: a call’s share`, all, AT_ONCE],
  ];
  process.stdout.write(`${'a call, ms'.padEnd(50)}${'p50'.padStart(10)}${'p95'.padStart(10)}\n`);
  for (const [name, work, atOnce] of rows) {
    const timesMs = await measure(work, atOnce);
    const cells = [0.5, 0.95].map((share) => percentile(timesMs, share).toFixed(4).padStart(10));
    process.stdout.write(`${name.padEnd(50)}${cells.join('')}\n`);
  }
} finally {
  rmSync(directory, { recursive: true, force: true });
}

async function measure(work: () => unknown, atOnce: number): Promise<number[]> {
  const timesMs: number[] = [];
  for (let done = 0; done < CALLS; done += atOnce) {
    const startedMs = performance.now();
    await (atOnce === 1 ? work() : Promise.all(Array.from({ length: atOnce }, work)));
    timesMs.push((performance.now() - startedMs) / atOnce);
  }
  return timesMs;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
