// Fills what the listeners need of the daemon, and counts what they answer.
import type { AgentService } from '../agent/agent-service.ts';
import { addressBlock } from '../auth/address-block.ts';
import { localPrincipal, type Principal } from '../auth/principal.ts';
import { createRateLimits } from '../auth/rate-limits.ts';
import type { HttpPorts, KeyVerdict } from '../http/ports.ts';
import { isErrorCode } from '../lib/app-error.ts';
import type { Clock } from '../lib/clock.ts';
import type { Events } from '../telemetry/events.ts';
import type { SecurityEventName } from '../telemetry/security-events.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics-registry.ts';
import type { RefusedCalls } from '../usage/refused-calls.ts';
import type { CallerBudgets } from './open-budgets.ts';
import type { Tracer } from '../telemetry/tracer.ts';
import type { Cloud } from './open-cloud.ts';
import type { Roots } from './open-roots.ts';
import type { DaemonState } from './daemon-state.ts';
import type { HealthBoard } from './health-board.ts';
import { createDefaultLimits } from './default-limits.ts';
import type { Security } from './open-security.ts';
import type { Identity } from './open-identity.ts';
import type { ReloadableConfig } from './reloadable-config.ts';
import type { StoreParts } from './store-parts.ts';

export interface HttpPortsInput {
  identity: Identity | undefined;
  settings: ReloadableConfig;
  parts: StoreParts;
  roots: Roots;
  agent: AgentService;
  budgets: CallerBudgets;
  cloud: Cloud;
  board: HealthBoard;
  metrics: Metrics;
  events: Events;
  state: DaemonState;
  security: Security;
  refusedCalls: RefusedCalls;
  clock: Clock;
  logger: Logger;
  tracer: Tracer;
  /** A request was answered; keeps a daemon that stdio started alive. */
  onActivity(): void;
  /** Awaited before each question. */
  catchUp(): Promise<void>;
}

/** What a guard must hear of, by the code that the caller got; where a path leads out that says more. */
const REFUSALS: Readonly<Record<string, SecurityEventName>> = {
  PATH_REFUSED: 'path_refused',
  FORBIDDEN: 'access_denied',
  PERMISSION_DENIED: 'access_denied',
};

export function createHttpPorts(input: HttpPortsInput): HttpPorts {
  const { identity, settings, parts, roots, agent, budgets, cloud, board, metrics, events, state, security } = input;
  const withDefaults = createDefaultLimits(settings);
  const authFailuresPerMinute = (): number => settings.config.limits.authFailuresPerMinute;
  const limited = (verdict: KeyVerdict): KeyVerdict => ('failure' in verdict ? verdict : withDefaults(verdict));
  return {
    audit: budgets.audit,
    rootOf: (principal) => roots.rootOf(principal),
    verifyKey: (token) => limited(parts.keys.verify(token)),
    verifyJwt: identity === undefined ? undefined : async (token) => limited(await identity.verify(token)),
    principalOf(id) {
      const principal = id === localPrincipal.id ? localPrincipal : parts.keys.principalOf(id);
      return principal === undefined ? undefined : withDefaults(principal);
    },
    limits: createRateLimits({ authFailuresPerMinute }),
    onLimited({ limit, tool, principal, address, requestId }) {
      metrics.limits.rateLimited(limit);
      if (principal !== undefined) input.refusedCalls.note(principal.id, tool ?? '');
      security.log.report({
        event: 'rate_limited',
        code: 'RATE_LIMITED',
        requestId,
        ...(principal !== undefined && { actor: { kind: principal.kind, id: principal.id } }),
        details: {
          limit,
          ...(tool !== undefined && { tool }),
          ...(address !== undefined && { address: addressBlock(address) }),
        },
      });
    },
    onAuthFailure(address, reason) {
      const isRepeat = security.failures.note(address, reason);
      events.authFailed({ reason, address, transport: 'http', isRepeat });
    },
    async askAgent({ onProgress, ...request }) {
      await input.catchUp();
      return await agent.ask({
        ...request,
        cloud: cloud.permitFor(request.principal, request.auditCall),
        tokens: budgets.tokensFor(request.principal, request.auditCall),
        onProgress: ({ message }) => onProgress(message),
      });
    },
    agentRefusal: (principal) => budgets.runRefusal(principal) ?? agent.refusalOf(principal),
    health: () => board.components(),
    metrics: () => metrics.render(),
    isReady: () => state.current === 'ready',
    isDraining: () => state.current === 'draining',
    onRequest({ listener, route, method, status }) {
      input.onActivity();
      metrics.httpRequest({ listener, route, method, status });
    },
    onMcpMessage: (facts) => metrics.mcpRequest(facts),
    onPathRefused({ principal, requestId, method, code }) {
      const actor = { kind: principal.kind, id: principal.id };
      const { root } = principal;
      security.log.report({ event: 'path_refused', actor, requestId, root, code, details: { method } });
    },
    onAccessDenied({ principal, requestId, asked }) {
      const actor = { kind: principal.kind, id: principal.id };
      security.log.report({ event: 'access_denied', actor, requestId, code: 'FORBIDDEN', details: { asked } });
    },
    onToolCall({ code, leadsOut, ...facts }) {
      if (code === 'VERSION_CONFLICT') metrics.writeConflict();
      const event = code === undefined ? undefined : leadsOut === true ? 'path_refused' : REFUSALS[code];
      if (event !== undefined && code !== undefined) {
        const actor = { kind: kindOf(facts.principal), id: facts.principal };
        security.log.report({ event, actor, requestId: facts.requestId, code, details: { tool: facts.tool } });
      }
      events.toolEnded({ ...facts, ...(isErrorCode(code) && { code }) });
    },
    logger: input.logger.child({ component: 'http' }),
    clock: input.clock,
    tracer: input.tracer,
  };
}

function kindOf(principalId: string): Principal['kind'] {
  if (principalId === localPrincipal.id) return 'local';
  return principalId.startsWith('jwt:') ? 'jwt' : 'key';
}
