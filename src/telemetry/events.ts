// One function per thing that happens: it writes the log line and moves the metric together, so that they cannot drift apart.
// Guarantees: the message is constant, facts are in fields, and nothing here holds a key, a path of a note or a question.
import { ERROR_STATUS, type ErrorCode } from '../lib/app-error.ts';
import type { Logger } from './logger.ts';
import { MESSAGE_ID } from './message-ids.ts';
import type { Metrics } from './metrics-registry.ts';
import { SECURITY_EVENTS, type SecurityEventName } from './security-events.ts';

export interface Events {
  daemonState(event: { state: 'starting' | 'ready' | 'draining' | 'stopped' | 'failed'; reason?: string }): void;
  requestAnswered(event: {
    requestId: string;
    transport: string;
    method: string;
    protocol: string;
    code: string;
    principal: string;
    durationMs: number;
  }): void;
  toolEnded(event: {
    requestId: string;
    tool: string;
    outcome: 'ok' | 'error' | 'denied' | 'cancelled';
    code?: ErrorCode;
    principal: string;
    durationMs: number;
  }): void;
  agentRunEnded(event: {
    requestId: string;
    turns: number;
    backend: string;
    degraded: boolean;
    durationMs: number;
    code?: ErrorCode;
  }): void;
  modelAnswered(event: {
    backend: string;
    outcome: string;
    durationMs: number;
    timeToFirstTokenMs?: number;
    inputTokens?: number;
    outputTokens?: number;
    costUsd?: number;
  }): void;
  answerShared(event: { how: 'cached' | 'joined' }): void;
  runQueued(event: { waitMs: number }): void;
  runRejected(event: { reason: string }): void;
  sandboxRunEnded(event: {
    outcome: 'done' | 'timeout' | 'memory' | 'output' | 'crash' | 'cancelled';
    durationMs: number;
  }): void;
  sandboxNotStarted(event: { reason: string }): void;
  writeConflict(event: { requestId?: string }): void;
  auditUnavailable(event: { reason: string }): void;
  auditCheckpoint(event: { checkpoint: string; seq: number }): void;
  auditPruned(event: { removed: number; archive: string }): void;
  auditChainChecked(event: { valid: boolean; records: number; reason?: string }): void;
  authFailed(event: {
    reason: string;
    address: string;
    transport: string;
    /** As in `securityEvent`. */
    isRepeat: boolean;
  }): void;
  securityEvent(event: {
    event: SecurityEventName;
    /** Counted, but no line of its own in an ordinary log: whoever repeats it must not fill the disk. */
    isRepeat: boolean;
    actor?: string;
    requestId?: string;
    code?: string;
    details?: Readonly<Record<string, string | number | boolean>>;
  }): void;
  sqliteBusy(event: { file: string }): void;
  configReloaded(event: { applied: readonly string[]; needsRestart: readonly string[] }): void;
  logLevelChanged(event: { from: string; to: string; principal: string }): void;
}

export function createEvents(logger: Logger, metrics: Metrics): Events {
  return {
    daemonState(event) {
      metrics.setReady(event.state === 'ready');
      logger[event.state === 'failed' ? 'error' : 'info'](event, 'daemon state');
    },
    requestAnswered(event) {
      metrics.mcpRequest(event);
      logger.debug(event, 'request answered');
    },
    toolEnded(event) {
      const outcome = event.outcome === 'error' && isCallersFault(event.code) ? 'refused' : event.outcome;
      metrics.toolCall({ tool: event.tool, outcome, durationSeconds: event.durationMs / 1000 });
      logger.info(event, 'tool call ended');
    },
    agentRunEnded(event) {
      metrics.agentRun(event);
      if (event.code === 'EMPTY_REPLY') metrics.agentEmptyReply();
      logger.info(event, 'agent run ended');
    },
    modelAnswered(event) {
      metrics.modelRequest({
        backend: event.backend,
        outcome: event.outcome,
        durationSeconds: event.durationMs / 1000,
        ...(event.timeToFirstTokenMs === undefined ? {} : { ttftSeconds: event.timeToFirstTokenMs / 1000 }),
        ...(event.inputTokens === undefined ? {} : { inputTokens: event.inputTokens }),
        ...(event.outputTokens === undefined ? {} : { outputTokens: event.outputTokens }),
      });
      if (event.costUsd !== undefined) metrics.workers.modelCost({ backend: event.backend, costUsd: event.costUsd });
      logger[event.outcome === 'ok' ? 'debug' : 'warn'](event, 'model answered');
    },
    answerShared(event) {
      metrics.answerShared(event.how);
      logger.debug(event, 'answered without a run of its own');
    },
    runQueued(event) {
      metrics.queueWait(event.waitMs / 1000);
      logger.debug(event, 'run left the queue');
    },
    runRejected(event) {
      metrics.queueRejected(event.reason);
      logger.warn(event, 'run refused');
    },
    sandboxRunEnded(event) {
      metrics.sandboxRun({ outcome: event.outcome, durationSeconds: event.durationMs / 1000 });
      logger[event.outcome === 'done' ? 'debug' : 'warn'](event, 'sandbox run ended');
    },
    sandboxNotStarted(event) {
      metrics.health.sandboxNotStarted();
      logger.error({ component: 'sandbox', ...event }, 'sandbox process did not start');
    },
    writeConflict(event) {
      metrics.writeConflict();
      logger.info(event, 'write refused: the note had changed');
    },
    auditUnavailable(event) {
      metrics.auditWriteFailed();
      logger.error(event, 'audit cannot be written, calls are refused');
    },
    auditCheckpoint(event) {
      logger.info({ ...event, messageId: MESSAGE_ID.auditCheckpoint }, 'audit checkpoint');
    },
    auditPruned(event) {
      logger.info(event, 'old audit records removed');
    },
    auditChainChecked(event) {
      metrics.setAuditChainValid(event.valid);
      if (event.valid) {
        logger.info(event, 'audit chain verified');
        return;
      }
      metrics.securityEvent('chain_broken');
      const securityId = SECURITY_EVENTS.chain_broken.id;
      logger.error({ ...event, securityId, messageId: MESSAGE_ID.chainBroken }, 'audit chain verified');
    },
    authFailed({ isRepeat, ...event }) {
      metrics.authFailure(event.reason);
      metrics.securityEvent('auth_failed');
      const securityId = SECURITY_EVENTS.auth_failed.id;
      logger[isRepeat ? 'debug' : 'warn'](
        { ...event, securityId, messageId: MESSAGE_ID.authFail },
        'request refused for its key',
      );
    },
    securityEvent({ event, isRepeat, details, ...facts }) {
      metrics.securityEvent(event);
      const { id, severity } = SECURITY_EVENTS[event];
      logger[isRepeat ? 'debug' : severity](
        { ...details, ...facts, securityId: id, securityEvent: event },
        'security event',
      );
    },
    sqliteBusy(event) {
      metrics.sqliteBusy();
      logger.warn(event, 'SQLite was busy');
    },
    configReloaded(event) {
      if (event.needsRestart.length === 0) logger.info(event, 'configuration reloaded');
      else logger.warn(event, 'configuration reloaded, a restart is needed for what needsRestart names');
    },
    logLevelChanged(event) {
      logger.warn(event, 'log level changed');
    },
  };
}

/** What the caller asked for can't be had, now or ever; the service itself is well, and no budget of errors is spent. */
function isCallersFault(code: ErrorCode | undefined): boolean {
  return code !== undefined && (ERROR_STATUS[code] < 500 || code === 'QUOTA_EXCEEDED' || code === 'UNSUPPORTED');
}
