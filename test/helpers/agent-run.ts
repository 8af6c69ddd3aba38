// Runs the agent loop in a unit test: scripted model, played blocks, recorded progress and facts.
import type { AuditCall } from '../../src/audit/audit-log.ts';
import { localPrincipal } from '../../src/auth/principal.ts';
import { runAgent } from '../../src/agent/loop.ts';
import { defaultAgentOptions } from '../../src/agent/ports.ts';
import type {
  AgentOptions,
  AgentPorts,
  AgentProgress,
  AgentResult,
  RunFacts,
  TurnFacts,
} from '../../src/agent/ports.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ChatMessage, CloudPermit } from '../../src/model/chat-backend.ts';
import type { OnCall } from '../../src/sandbox/sandbox.ts';
import { noTracer } from '../../src/telemetry/tracer.ts';
import { createInProcessSandbox, done } from './in-process-sandbox.ts';
import type { InProcessSandbox, PlayBlock } from './in-process-sandbox.ts';
import { createScriptedBackend } from './scripted-backend.ts';
import type { ScriptedBackend, ScriptStep } from './scripted-backend.ts';

export interface AgentTrial {
  steps: readonly ScriptStep[];
  play?: PlayBlock;
  onCall?: OnCall;
  options?: Partial<AgentOptions>;
  question?: string;
  filters?: string;
  signal?: AbortSignal;
  sandboxState?: 'checking' | 'refused';
  cloud?: CloudPermit;
  onProgress?(progress: AgentProgress): void;
}

export interface AgentTrialOutcome {
  result: AgentResult | null;
  error: unknown;
  progress: AgentProgress[];
  turns: TurnFacts[];
  runs: RunFacts[];
  backend: ScriptedBackend;
  sandbox: InProcessSandbox;
  /** The messages the model saw last. */
  lastMessages: readonly ChatMessage[];
}

export const testAuditCall: AuditCall = {
  callId: 'call-1',
  operation: async () => {},
  finish: async () => {},
};

export async function tryAgent(trial: AgentTrial): Promise<AgentTrialOutcome> {
  const backend = createScriptedBackend(trial.steps);
  const sandbox = createInProcessSandbox(trial.play ?? (async () => done({ ok: true })));
  if (trial.sandboxState !== undefined) sandbox.setState(trial.sandboxState);
  const progress: AgentProgress[] = [];
  const turns: TurnFacts[] = [];
  const runs: RunFacts[] = [];
  const counts = { notesRead: 0, notesWritten: 0 };
  const ports: AgentPorts = {
    options: { ...defaultAgentOptions, ...trial.options },
    backend,
    sandbox,
    clock: systemClock,
    tracer: noTracer,
    openFunctions: () => ({
      onCall: async (name, args, kwargs) => {
        counts[name === 'read_file' ? 'notesRead' : 'notesWritten'] += 1;
        return (await trial.onCall?.(name, args, kwargs)) ?? true;
      },
      counts: () => ({ ...counts }),
    }),
    systemPrompt: () => 'You keep notes.',
    filters: () => trial.filters ?? '',
    onTurn: (facts) => turns.push(facts),
    onRunEnd: (facts) => runs.push(facts),
  };
  const request = {
    requestId: 'request-1',
    question: trial.question ?? 'Where do I live?',
    principal: localPrincipal,
    auditCall: testAuditCall,
    signal: trial.signal ?? new AbortController().signal,
    ...(trial.cloud !== undefined && { cloud: trial.cloud }),
    onProgress: (step: AgentProgress) => {
      progress.push(step);
      trial.onProgress?.(step);
    },
  };
  const outcome = { progress, turns, runs, backend, sandbox, result: null, error: null };
  const settled = await runAgent(request, ports).then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );
  return { ...outcome, ...settled, lastMessages: backend.requests.at(-1)?.messages ?? [] };
}

export function block(code: string): string {
  return `<think>go on</think>\n<python>\n${code}\n</python>`;
}

export function reply(text: string): string {
  return `<think>done</think>\n<python></python>\n<reply>\n${text}\n</reply>`;
}
