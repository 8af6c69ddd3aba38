// The agent with everything real but the neural model: child engine over HTTP, sandbox, functions, notes on disk.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentService } from '../../src/agent/agent-service.ts';
import { createMemoryFunctions } from '../../src/agent/functions/memory-functions.ts';
import { defaultAgentOptions } from '../../src/agent/ports.ts';
import type { AgentRequest } from '../../src/agent/ports.ts';
import type { AgentServicePorts } from '../../src/agent/agent-service.ts';
import { systemPrompt } from '../../src/agent/system-prompt.ts';
import type { AuditCall, NoteOperation } from '../../src/audit/audit-log.ts';
import { localPrincipal } from '../../src/auth/principal.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { INDEX_SCHEMA } from '../../src/memory/index-database.ts';
import type { MemoryRoot } from '../../src/memory/memory-root.ts';
import { openMemoryRoot } from '../../src/memory/open-memory-root.ts';
import { openOpenAiBackend } from '../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../src/model/openai-options.ts';
import { createSandbox } from '../../src/sandbox/create-sandbox.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { openIndexStore } from '../../src/store/index-store.ts';
import { noTracer } from '../../src/telemetry/tracer.ts';
import type { EngineScript } from './engine/script.ts';
import { startEngine } from './engine/start-engine.ts';
import type { Engine } from './engine/start-engine.ts';
import { SANDBOX_CACHE } from './sandbox-cache.ts';

export interface RealAgent extends AsyncDisposable {
  readonly service: AgentService;
  readonly engine: Engine;
  readonly sandbox: Sandbox;
  readonly root: MemoryRoot;
  readonly operations: readonly NoteOperation[];
  request(question: string, overrides?: Partial<AgentRequest>): AgentRequest;
}

export interface RealAgentPorts extends Partial<AgentServicePorts> {
  /** Whole notes that a run sees, or sees a part of. */
  onText?(runId: string, text: string): void;
}

export async function openRealAgent(script: EngineScript, given: RealAgentPorts = {}): Promise<RealAgent> {
  const { onText, ...ports } = given;
  await using opening = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'agent-'));
  opening.defer(() => rm(directory, { recursive: true, force: true }));
  const engine = opening.use(await startEngine({ script }));
  const index = opening.use(openIndexStore({ directory: join(directory, 'state'), schema: INDEX_SCHEMA }));
  const root = opening.use(
    openMemoryRoot({ name: 'default', directory: join(directory, 'memory'), indexDatabase: index.db }),
  );
  root.start();
  const sandbox = opening.use(createSandbox({ require: 'process', cacheDirectory: SANDBOX_CACHE, standby: 1 }));
  sandbox.start();
  const backend = opening.use(openOpenAiBackend({ ...defaultOpenAiOptions, baseUrl: engine.baseUrl, trust: 'local' }));
  const operations: NoteOperation[] = [];
  const auditCall: AuditCall = {
    callId: 'call-1',
    operation: async (operation) => void operations.push(operation),
    finish: async () => {},
  };
  const service = opening.use(
    new AgentService(
      { maxConcurrentRuns: 32, maxQueuedRuns: 256 },
      {
        options: () => defaultAgentOptions,
        backend,
        sandbox,
        clock: systemClock,
        tracer: noTracer,
        openFunctions: ({ runId, principal, auditCall: call }) =>
          createMemoryFunctions({
            root,
            scopes: principal.scopes,
            record: (operation) => call.operation(operation),
            ...(onText !== undefined && { onText: (text) => onText(runId, text) }),
          }),
        systemPrompt: () => systemPrompt({ today: '2026-11-20', blockTimeoutMs: 20_000, maxTurns: 20 }),
        filters: () => '',
        ...ports,
      },
    ),
  );
  const stack = opening.move();
  return {
    service,
    engine,
    sandbox,
    root,
    operations,
    request: (question, overrides = {}) => ({
      requestId: 'request-1',
      question,
      principal: localPrincipal,
      auditCall,
      signal: new AbortController().signal,
      onProgress() {},
      ...overrides,
    }),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
