// The daemon's Prometheus metrics as typed functions over a registry of its own.
// Guarantees: prefix `memagent_`, base units, bounded label values, never a key name, a path or a question in a label.
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { systemClock, type Clock } from '../lib/clock.ts';
import { createAuditMetrics, type AuditMetrics } from './audit-metrics.ts';
import { createBoundedLabel, MCP_METHODS } from './bounded-label.ts';
import { createLimitMetrics, type LimitMetrics } from './limit-metrics.ts';
import { createMachineMetrics, type MachineMetrics } from './machine-metrics.ts';
import { beginAtZero, createMetricFactory } from './metric-factory.ts';
import { createMinuteFigures, type MinuteFigures } from './minute-figures.ts';
import { createPartMetrics, type PartMetrics } from './part-metrics.ts';
import { SECURITY_EVENT_NAMES, type SecurityEventName } from './security-events.ts';
import { createWorkerMetrics, type WorkerMetrics } from './worker-metrics.ts';

const TOOL_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600];
const TTFT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const WAIT_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const SANDBOX_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 300];
const AGENT_TURNS = [1, 2, 3, 5, 8, 13, 20];

const TOOL_OUTCOMES = ['ok', 'error'];
const SANDBOX_OUTCOMES = ['done', 'timeout', 'memory', 'output', 'crash', 'cancelled'];
const QUEUE_REASONS = ['queue_full', 'draining', 'model_unavailable'];
const KEY_FAILURES = ['missing', 'malformed', 'unknown', 'revoked', 'expired', 'unusable', 'network'];

export interface MetricsOptions {
  buildInfo: { version: string; commit: string; node: string };
  clock?: Clock;
}

export interface Metrics extends Disposable {
  /** Models, workers, and what leaves the machine. */
  readonly workers: WorkerMetrics;
  /** Disks, memory, processors and network under the daemon. */
  readonly machine: MachineMetrics;
  /** Who was refused for having had enough. */
  readonly limits: LimitMetrics;
  /** The proof of the audit. */
  readonly audit: AuditMetrics;
  /** How each part says it is. */
  readonly health: PartMetrics;
  /** The last hours, for charts without Prometheus. */
  readonly minutes: MinuteFigures;
  setReady(ready: boolean): void;
  mcpRequest(request: { transport: string; method: string; protocol: string; code: string }): void;
  httpRequest(request: { listener: string; route: string; method: string; status: number }): void;
  toolCall(call: { tool: string; outcome: string; durationSeconds: number }): void;
  agentRun(run: { turns: number }): void;
  agentEmptyReply(): void;
  answerShared(how: 'cached' | 'joined'): void;
  modelRequest(request: {
    backend: string;
    outcome: string;
    durationSeconds: number;
    ttftSeconds?: number;
    inputTokens?: number;
    outputTokens?: number;
  }): void;
  setQueueDepth(runs: number): void;
  queueWait(seconds: number): void;
  queueRejected(reason: string): void;
  sandboxRun(run: { outcome: string; durationSeconds: number }): void;
  setMemory(memory: {
    /** Name of the memory root. */
    root: string;
    files: number;
    sizeBytes: number;
    indexStale: boolean;
    indexLagSeconds: number;
  }): void;
  writeConflict(): void;
  auditRecords(count: number): void;
  auditWriteFailed(): void;
  setAuditChainValid(valid: boolean): void;
  authFailure(reason: string): void;
  securityEvent(event: SecurityEventName): void;
  sqliteBusy(): void;
  /** Runs before every scrape; for gauges that are cheaper to ask for than to keep. A throwing collector ends the scrape. */
  onCollect(collect: () => void): void;
  /** Prometheus text of others that is passed on behind ours: the model server's own metrics. */
  passOn(text: () => string): void;
  render(): Promise<string>;
  readonly contentType: string;
}

export function createMetrics(options: MetricsOptions): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const collectors: (() => void)[] = [];
  const passedOn: (() => string)[] = [];
  const loopDelay = monitorEventLoopDelay({ resolution: 10 });
  loopDelay.enable();

  const factory = createMetricFactory(registry);
  const { counter, gauge, histogram } = factory;

  gauge('build_info', 'Constant 1; the version is in the labels', ['version', 'commit', 'node']).set(
    options.buildInfo,
    1,
  );
  const ready = gauge('ready', '1 while the daemon answers requests');
  const mcpRequests = counter('mcp_requests_total', 'MCP messages answered', [
    'transport',
    'method',
    'protocol',
    'code',
  ]);
  const httpRequests = counter('http_requests_total', 'HTTP requests answered, by route pattern', [
    'listener',
    'route',
    'method',
    'code',
  ]);
  const toolCalls = counter('tool_calls_total', 'Tool calls ended', ['tool', 'outcome']);
  const toolDuration = histogram('tool_duration_seconds', 'Time of a tool call', TOOL_SECONDS, ['tool']);
  const agentTurns = histogram('agent_turns', 'Model turns a run took', AGENT_TURNS);
  const emptyReplies = counter('agent_empty_replies_total', 'Runs that ended in an empty reply');
  const answersShared = counter('agent_shared_answers_total', 'Questions answered without a run of their own', ['how']);
  const modelRequests = counter('model_requests_total', 'Requests to a model backend', ['backend', 'outcome']);
  const modelDuration = histogram('model_duration_seconds', 'Time of a whole turn of a model', TOOL_SECONDS, [
    'backend',
  ]);
  const modelTtft = histogram('model_ttft_seconds', 'Time to the first token', TTFT_SECONDS, ['backend']);
  const modelTokens = counter('model_tokens_total', 'Tokens read (input) and written (output) by a backend', [
    'backend',
    'direction',
  ]);
  const queueDepth = gauge('queue_depth', 'Runs waiting for a place');
  const queueWait = histogram('queue_wait_seconds', 'Time a run waited for a place', WAIT_SECONDS);
  const queueRejected = counter('queue_rejected_total', 'Runs refused because the queue was full', ['reason']);
  const sandboxRuns = counter('sandbox_runs_total', 'Sandbox processes used', ['outcome']);
  const sandboxDuration = histogram(
    'sandbox_duration_seconds',
    'Life of a sandbox process in its run',
    SANDBOX_SECONDS,
  );
  const memoryFiles = gauge('memory_files', 'Notes in memory', ['root']);
  const memoryBytes = gauge('memory_bytes', 'Size of all notes', ['root']);
  const indexStale = gauge('index_stale', '1 while the search index is behind the notes', ['root']);
  const indexLag = gauge('index_lag_seconds', 'Age of the oldest change that is not indexed yet', ['root']);
  const writeConflicts = counter('write_conflicts_total', 'Writes refused because the note had changed');
  const auditRecords = counter('audit_records_total', 'Audit records made durable');
  const auditFailures = counter('audit_write_failures_total', 'Times audit records could not be made durable');
  const auditChainValid = gauge('audit_chain_valid', '1 when the last verification of the audit chain found it whole');
  const authFailures = counter('auth_failures_total', 'Requests refused for their key', ['reason']);
  const securityEvents = counter('security_events_total', 'Security events, by what happened', ['event']);
  const sqliteBusy = counter('sqlite_busy_total', 'Times SQLite was busy and had to be tried again');
  const eventLoopLag = gauge('event_loop_lag_seconds', 'Event loop delay since the last scrape', ['quantile']);
  collectors.push(() => {
    // An empty histogram answers NaN; there was no delay to speak of.
    const seconds = (nanoseconds: number): number => (Number.isFinite(nanoseconds) ? nanoseconds / 1e9 : 0);
    eventLoopLag.set({ quantile: '0.5' }, seconds(loopDelay.percentile(50)));
    eventLoopLag.set({ quantile: '0.99' }, seconds(loopDelay.percentile(99)));
    eventLoopLag.set({ quantile: '1' }, seconds(loopDelay.max));
    loopDelay.reset();
  });

  const minutes = createMinuteFigures(options.clock ?? systemClock);
  const machine = createMachineMetrics(factory);
  collectors.push(() => machine.collect());

  beginAtZero(sandboxRuns, 'outcome', SANDBOX_OUTCOMES);
  beginAtZero(queueRejected, 'reason', QUEUE_REASONS);
  beginAtZero(authFailures, 'reason', KEY_FAILURES);
  beginAtZero(securityEvents, 'event', SECURITY_EVENT_NAMES);
  const seenTools = new Set<string>();

  const boundMethod = createBoundedLabel(0, MCP_METHODS);
  const boundProtocol = createBoundedLabel(12);
  const boundTool = createBoundedLabel(48);
  const boundOther = createBoundedLabel(128);

  return {
    workers: createWorkerMetrics(factory),
    machine,
    limits: createLimitMetrics(factory),
    audit: createAuditMetrics(factory),
    health: createPartMetrics(factory),
    minutes,
    setReady: (isReady) => ready.set(isReady ? 1 : 0),
    mcpRequest: ({ transport, method, protocol, code }) =>
      mcpRequests.inc({
        transport: boundOther(transport),
        method: boundMethod(method),
        protocol: boundProtocol(protocol),
        code: boundOther(code),
      }),
    httpRequest({ listener, route, method, status }) {
      httpRequests.inc({ listener, route: boundOther(route), method: boundOther(method), code: String(status) });
      minutes.request({ status });
    },
    toolCall({ tool, outcome, durationSeconds }) {
      const bounded = boundTool(tool);
      if (!seenTools.has(bounded)) beginAtZero(toolCalls, 'outcome', TOOL_OUTCOMES, { tool: bounded });
      seenTools.add(bounded);
      toolCalls.inc({ tool: bounded, outcome: boundOther(outcome) });
      toolDuration.observe({ tool: bounded }, durationSeconds);
      minutes.toolCall({ durationMs: durationSeconds * 1000, failed: outcome === 'error' });
    },
    agentRun: ({ turns }) => agentTurns.observe(turns),
    agentEmptyReply: () => emptyReplies.inc(),
    answerShared: (how) => answersShared.inc({ how }),
    modelRequest({ backend, outcome, durationSeconds, ttftSeconds, inputTokens, outputTokens }) {
      minutes.tokens({ input: inputTokens ?? 0, output: outputTokens ?? 0 });
      const bounded = boundOther(backend);
      modelRequests.inc({ backend: bounded, outcome: boundOther(outcome) });
      modelDuration.observe({ backend: bounded }, durationSeconds);
      if (ttftSeconds !== undefined) modelTtft.observe({ backend: bounded }, ttftSeconds);
      if (inputTokens !== undefined) modelTokens.inc({ backend: bounded, direction: 'input' }, inputTokens);
      if (outputTokens !== undefined) modelTokens.inc({ backend: bounded, direction: 'output' }, outputTokens);
    },
    setQueueDepth: (runs) => queueDepth.set(runs),
    queueWait: (seconds) => queueWait.observe(seconds),
    queueRejected: (reason) => queueRejected.inc({ reason: boundOther(reason) }),
    sandboxRun({ outcome, durationSeconds }) {
      sandboxRuns.inc({ outcome: boundOther(outcome) });
      sandboxDuration.observe(durationSeconds);
    },
    setMemory({ root, files, sizeBytes, indexStale: isStale, indexLagSeconds }) {
      memoryFiles.set({ root }, files);
      memoryBytes.set({ root }, sizeBytes);
      indexStale.set({ root }, isStale ? 1 : 0);
      indexLag.set({ root }, indexLagSeconds);
    },
    writeConflict: () => writeConflicts.inc(),
    auditRecords: (count) => auditRecords.inc(count),
    auditWriteFailed: () => auditFailures.inc(),
    setAuditChainValid: (valid) => auditChainValid.set(valid ? 1 : 0),
    authFailure: (reason) => authFailures.inc({ reason: boundOther(reason) }),
    securityEvent: (event) => securityEvents.inc({ event }),
    sqliteBusy: () => sqliteBusy.inc(),
    onCollect: (collect) => void collectors.push(collect),
    passOn: (text) => void passedOn.push(text),
    async render() {
      for (const collect of collectors) collect();
      return (await registry.metrics()) + passedOn.map((text) => text()).join('');
    },
    contentType: registry.contentType,
    [Symbol.dispose]() {
      loopDelay.disable();
      registry.clear();
    },
  };
}
