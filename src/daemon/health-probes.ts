// How each part of the daemon is, in its own words: what it already knows, nothing is called or measured here.
import type { AgentService } from '../agent/agent-service.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Worker } from '../worker/worker.ts';
import type { CurrentRoot } from './current-root.ts';
import type { Probe } from './health-board.ts';
import type { ReloadableConfig } from './reloadable-config.ts';
import type { StoreParts } from './store-parts.ts';

export interface ProbedParts {
  parts: StoreParts;
  settings: ReloadableConfig;
  memory: CurrentRoot;
  sandbox: Sandbox;
  backend: ChatBackend;
  worker: Worker | null;
  agent: AgentService;
}

export function createHealthProbes(probed: ProbedParts): Record<string, () => Probe> {
  const { parts, settings, memory, sandbox, backend, worker, agent } = probed;
  return {
    config: () =>
      settings.problem === ''
        ? { state: 'ok', reason: '' }
        : { state: 'degraded', reason: `a change was refused, the old configuration stays: ${settings.problem}` },
    audit: () => {
      const finding = parts.audit.finding();
      if (finding !== undefined) return { state: 'failed', reason: finding };
      const { state, reason } = parts.groupCommit.health();
      return { state, reason };
    },
    memory: () => {
      const { notes, sizeBytes, index, indexedNotes, indexLagMs, writable, reason } = memory.root.status();
      const details = { notes, sizeBytes, index, indexedNotes, indexLagMs, writable };
      return { state: !writable || index === 'failed' ? 'degraded' : 'ok', reason, details };
    },
    sandbox: () => {
      const { state, reason, ...details } = sandbox.status();
      return {
        state: state === 'ok' ? 'ok' : state === 'checking' ? 'starting' : state === 'failed' ? 'failed' : 'degraded',
        reason,
        details,
      };
    },
    model: () => ({ ...backend.status(), details: { backend: backend.name } }),
    ...(worker !== null && { worker: () => probeWorker(worker) }),
    queue: () => ({
      state: 'ok',
      reason: `${agent.activeRuns} running, ${agent.queueDepth} waiting`,
      details: { running: agent.activeRuns, waiting: agent.queueDepth },
    }),
  };
}

function probeWorker(worker: Worker): Probe {
  const { state, reason, profile, pid, lease, restarts, requestsRunning, isAsleep } = worker.status();
  const details = { state, profile, pid, lease, restarts, requestsRunning, isAsleep };
  const isUp = state === 'ready' || state === 'busy' || isAsleep;
  const isComing = state === 'starting' || state === 'loading';
  const isDown = state === 'crash_loop' || state === 'failed';
  return { state: isUp ? 'ok' : isComing ? 'starting' : isDown ? 'failed' : 'degraded', reason, details };
}
