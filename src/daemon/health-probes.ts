// How each part of the daemon is, in its own words: what it already knows, nothing is called or measured here.
import type { AgentService } from '../agent/agent-service.ts';
import type { LastVerification } from '../audit/last-verification.ts';
import type { MemoryRoot } from '../memory/memory-root.ts';
import type { ChatBackend } from '../model/chat-backend.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { Worker } from '../worker/worker.ts';
import type { Probe } from './health-board.ts';
import type { Roots } from './open-roots.ts';
import type { ReloadableConfig } from './reloadable-config.ts';
import type { StoreParts } from './store-parts.ts';

export interface ProbedParts {
  parts: StoreParts;
  settings: ReloadableConfig;
  roots: Roots;
  sandbox: Sandbox;
  backend: ChatBackend;
  worker: Worker | null;
  agent: AgentService;
}

export function createHealthProbes(probed: ProbedParts): Record<string, () => Probe> {
  const { parts, settings, roots, sandbox, backend, worker, agent } = probed;
  return {
    config: () =>
      settings.problem === ''
        ? { state: 'ok', reason: '' }
        : { state: 'degraded', reason: `a change was refused, the old configuration stays: ${settings.problem}` },
    audit: () => {
      const details = verificationDetails(parts.audit.lastVerification());
      const finding = parts.audit.finding();
      if (finding !== undefined) return { state: 'failed', reason: finding, details };
      const { state, reason } = parts.groupCommit.health();
      return { state, reason, details };
    },
    memory: () => probeRoots(roots),
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

/** Nulls until the chain was recomputed for the first time since the start. */
function verificationDetails(last: LastVerification | undefined): Record<string, unknown> {
  const iso = (timeMs: number | undefined): string | null =>
    timeMs === undefined ? null : new Date(timeMs).toISOString();
  return {
    verifiedIso: iso(last?.timeMs),
    verification: last?.outcome ?? null,
    lastWholeIso: iso(last?.wholeMs),
    recordsVerified: last?.records ?? null,
  };
}

/** The default root in full, as ever; of the others what they hold, and whatever is wrong with any of them. */
function probeRoots(roots: Roots): Probe {
  const [whole, ...others] = roots.all().map((root) => ({ name: root.name, ...probeRoot(root) }));
  if (whole === undefined) return { state: 'failed', reason: 'no memory root is open' };
  const worse = [whole, ...others].find(({ state }) => state !== 'ok') ?? whole;
  const reason = worse === whole ? whole.reason : `${worse.name}: ${worse.reason}`;
  if (others.length === 0) return { state: worse.state, reason, details: whole.details };
  const named = Object.fromEntries(others.map(({ name, details }) => [name, details]));
  return { state: worse.state, reason, details: { ...whole.details, roots: named } };
}

function probeRoot(root: MemoryRoot): Required<Probe> {
  const { notes, sizeBytes, index, indexedNotes, indexLagMs, writable, reason } = root.status();
  const problem = root.problem();
  const isWrong = index === 'failed' || problem !== '';
  const details = { notes, sizeBytes, index, indexedNotes, indexLagMs, writable };
  return { state: isWrong ? 'degraded' : 'ok', reason: problem === '' ? reason : problem, details };
}

function probeWorker(worker: Worker): Probe {
  const { state, reason, profile, pid, lease, restarts, requestsRunning, isAsleep } = worker.status();
  const details = { state, profile, pid, lease, restarts, requestsRunning, isAsleep };
  const isUp = state === 'ready' || state === 'busy' || isAsleep;
  const isComing = state === 'starting' || state === 'loading';
  const isDown = state === 'crash_loop' || state === 'failed';
  return { state: isUp ? 'ok' : isComing ? 'starting' : isDown ? 'failed' : 'degraded', reason, details };
}
