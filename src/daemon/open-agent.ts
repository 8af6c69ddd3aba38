// Wires the agent: who answers, where its Python runs, which notes it may touch, and what is counted of it.
import { createMemoryFunctions } from '../agent/functions/memory-functions.ts';
import { AnswerCache, defaultAnswerCacheOptions } from '../agent/answer-cache.ts';
import { AgentService } from '../agent/agent-service.ts';
import { readSystemPromptFile, systemPrompt } from '../agent/system-prompt.ts';
import type { Config } from '../config/config.ts';
import { isErrorCode } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import type { SecurityLog } from '../audit/security-log.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Events } from '../telemetry/events.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Cloud } from './open-cloud.ts';
import type { Roots } from './open-roots.ts';
import type { ReloadableConfig } from './reloadable-config.ts';

export interface AgentParts {
  settings: ReloadableConfig;
  backend: ChatBackend;
  sandbox: Sandbox;
  roots: Roots;
  cloud: Cloud;
  clock: Clock;
  events: Events;
  security: SecurityLog;
  tracer: Tracer;
}

export function openAgent({
  settings,
  backend,
  sandbox,
  roots,
  cloud,
  clock,
  events,
  security,
  tracer,
}: AgentParts): AgentService {
  const { agent } = settings.config;
  const ownPrompt = agent.systemPromptFile === '' ? undefined : readSystemPromptFile(agent.systemPromptFile);
  return new AgentService(
    {
      maxConcurrentRuns: agent.maxConcurrentRuns,
      maxQueuedRuns: agent.maxQueuedRuns,
      maxQueuedRunsPerPrincipal: agent.maxQueuedRunsPerKey,
    },
    {
      options: () => agentOptions(settings.config),
      backend,
      sandbox,
      clock,
      tracer,
      openFunctions: ({ runId, requestId, principal, auditCall }) => {
        const lease = roots.lease(principal);
        // What a block takes out of a note no longer says that it is a secret; the note as a whole does.
        const { consent } = cloud.permitFor(principal, auditCall);
        const functions = createMemoryFunctions({
          root: lease.root,
          scopes: principal.scopes,
          record: (operation) => auditCall.operation(operation),
          // Without the path, which the call's own records name: whoever tries many must not fill the audit.
          onRefused: ({ code, leadsOut }) =>
            security.report({
              event: leadsOut ? 'path_refused' : 'access_denied',
              actor: { kind: principal.kind, id: principal.id },
              requestId,
              root: principal.root,
              code,
              details: { tool: 'use_memory_agent' },
            }),
          ...(consent && { onText: (text) => cloud.guard.observe(runId, text) }),
        });
        return {
          ...functions,
          close() {
            cloud.guard.forget(runId);
            lease[Symbol.dispose]();
          },
        };
      },
      systemPrompt: () =>
        ownPrompt ??
        systemPrompt({
          today: new Date(clock.nowMs()).toISOString().slice(0, 10),
          blockTimeoutMs: settings.config.agent.blockTimeoutMs,
          maxTurns: settings.config.agent.maxTurns,
        }),
      filters: () => settings.filters(),
      ...(agent.cacheMs > 0 && {
        answers: {
          cache: new AnswerCache({ ...defaultAnswerCacheOptions, ttlMs: agent.cacheMs, clock }),
          sourceOf: (principal) => roots.rootOf(principal),
          onShared: (how) => events.answerShared({ how }),
        },
      }),
      onTurn: (facts) => events.modelAnswered(facts),
      onRunEnd: ({ requestId, turns, backend: name, degraded, durationMs, code }) =>
        events.agentRunEnded({
          requestId,
          turns,
          backend: name,
          degraded,
          durationMs,
          ...(isErrorCode(code) && { code }),
        }),
      onQueueWait: (waitMs) => events.runQueued({ waitMs }),
      onQueueRejected: (reason) => events.runRejected({ reason }),
    },
  );
}

function agentOptions({ agent, model }: Config): ReturnType<ConstructorParameters<typeof AgentService>[1]['options']> {
  return {
    maxTurns: agent.maxTurns,
    blockTimeoutMs: agent.blockTimeoutMs,
    deadlineMs: agent.deadlineMs,
    maxTokens: agent.maxTokens,
    maxOutputTokens: model.maxOutputTokens,
    contextTokens: model.contextTokens,
  };
}
