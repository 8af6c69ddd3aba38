// The registry: every name of this step is there, functions move the right series, hostile label values cannot grow it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEvents } from '../../../src/telemetry/events.ts';
import type { Logger } from '../../../src/telemetry/logger.ts';
import { createMetrics } from '../../../src/telemetry/metrics-registry.ts';

const buildInfo = { version: '0.1.0', commit: 'abc', node: '26' };

test('every metric of this step is exposed, two registries do not share', async () => {
  using metrics = createMetrics({ buildInfo });
  using other = createMetrics({ buildInfo });
  metrics.writeConflict();
  const names = [
    'build_info',
    'ready',
    'mcp_requests_total',
    'tool_calls_total',
    'tool_duration_seconds',
    'agent_turns',
    'agent_empty_replies_total',
    'model_requests_total',
    'model_ttft_seconds',
    'model_tokens_total',
    'queue_depth',
    'queue_wait_seconds',
    'queue_rejected_total',
    'rate_limited_total',
    'budget_refused_total',
    'sandbox_runs_total',
    'sandbox_duration_seconds',
    'memory_files',
    'memory_bytes',
    'index_stale',
    'index_lag_seconds',
    'write_conflicts_total',
    'audit_records_total',
    'audit_chain_valid',
    'audit_last_verified_timestamp_seconds',
    'audit_last_verification_ok',
    'audit_verify_interval_seconds',
    'auth_failures_total',
    'sqlite_busy_total',
    'event_loop_lag_seconds',
  ];
  const text = await metrics.render();
  for (const name of names) assert.match(text, new RegExp(`^# TYPE memagent_${name} `, 'm'));
  for (const name of ['process_resident_memory_bytes', 'nodejs_gc_duration_seconds', 'nodejs_eventloop_lag_seconds'])
    assert.match(text, new RegExp(`^# TYPE ${name} `, 'm'));
  assert.match(text, /memagent_write_conflicts_total 1\n/);
  assert.match(text, /memagent_event_loop_lag_seconds\{quantile="0.99"\} \d/);
  assert.match(await other.render(), /memagent_write_conflicts_total 0\n/);
});

test('unknown methods and endless tool names end as `other`', async () => {
  using metrics = createMetrics({ buildInfo });
  for (let index = 0; index < 1000; index++) {
    metrics.mcpRequest({ transport: 'http', method: `x/${index}`, protocol: `p-${index}`, code: '200' });
    metrics.toolCall({ tool: `t${index}`, outcome: 'ok', durationSeconds: 0.01 });
  }
  metrics.toolCall({ tool: 'a question about Alice?', outcome: 'ok', durationSeconds: 1 });
  const text = await metrics.render();
  assert.ok(!text.includes('Alice'));
  assert.ok((text.match(/^memagent_mcp_requests_total\{/gm) ?? []).length < 20);
  assert.ok((text.match(/^memagent_tool_calls_total\{/gm) ?? []).length < 2 * 50);
});

test('an event moves its metric and writes one line; collectors run at each scrape', async () => {
  using metrics = createMetrics({ buildInfo });
  const lines: string[] = [];
  const write = (level: string) => (_fields: object, message: string) => void lines.push(`${level}: ${message}`);
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => logger,
  };
  const events = createEvents(logger, metrics);
  events.daemonState({ state: 'ready' });
  events.toolEnded({ requestId: 'r', tool: 'fetch', outcome: 'ok', principal: 'k_1', durationMs: 70 });
  events.agentRunEnded({
    requestId: 'r',
    turns: 4,
    backend: 'builtin',
    degraded: true,
    durationMs: 1,
    code: 'EMPTY_REPLY',
  });
  events.modelAnswered({
    backend: 'builtin',
    outcome: 'error',
    durationMs: 1,
    timeToFirstTokenMs: 30,
    inputTokens: 7,
    outputTokens: 3,
  });
  events.auditChainChecked({ valid: false, records: 3, reason: 'row 2' });
  let scrapes = 0;
  metrics.onCollect(() => metrics.setQueueDepth(++scrapes));
  await metrics.render();
  const text = await metrics.render();
  for (const expected of [
    'memagent_ready 1',
    'memagent_tool_calls_total{tool="fetch",outcome="ok"} 1',
    'memagent_tool_duration_seconds_bucket{le="0.05",tool="fetch"} 0',
    'memagent_tool_duration_seconds_bucket{le="0.1",tool="fetch"} 1',
    'memagent_agent_turns_bucket{le="5"} 1',
    'memagent_agent_empty_replies_total 1',
    'memagent_model_requests_total{backend="builtin",outcome="error"} 1',
    'memagent_model_tokens_total{backend="builtin",direction="input"} 7',
    'memagent_audit_chain_valid 0',
    'memagent_queue_depth 2',
  ])
    assert.ok(text.includes(`${expected}\n`), expected);
  assert.deepEqual(lines, [
    'info: daemon state',
    'info: tool call ended',
    'info: agent run ended',
    'warn: model answered',
    'error: audit chain verified',
  ]);
});

test('what a caller did wrong is no error of ours', async () => {
  using metrics = createMetrics({ buildInfo });
  const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
  const events = createEvents(silent, metrics);
  const ended = { requestId: 'r', tool: 'fetch', principal: 'p', durationMs: 1 };
  for (const code of ['NOT_FOUND', 'VERSION_CONFLICT', 'QUEUE_FULL', 'QUOTA_EXCEEDED'] as const)
    events.toolEnded({ ...ended, outcome: 'error', code });
  for (const code of ['DISK_FULL', 'MODEL_UNAVAILABLE', 'INTERNAL'] as const)
    events.toolEnded({ ...ended, outcome: 'error', code });
  events.toolEnded({ ...ended, outcome: 'error' });
  events.toolEnded({ ...ended, outcome: 'denied', code: 'FORBIDDEN' });
  events.auditUnavailable({ reason: 'disk full' });
  events.sandboxNotStarted({ reason: 'no bwrap' });
  metrics.health.setComponent('audit', 'failed');
  metrics.health.setSandbox({ standby: 1, active: 2, walls: { process: 'proven', kernel: 'absent' } });
  const text = await metrics.render();
  for (const expected of [
    'memagent_tool_calls_total{tool="fetch",outcome="refused"} 4',
    'memagent_tool_calls_total{tool="fetch",outcome="error"} 4',
    'memagent_tool_calls_total{tool="fetch",outcome="denied"} 1',
    'memagent_audit_write_failures_total 1',
    'memagent_sandbox_start_failures_total 1',
    'memagent_component_state{component="audit",state="failed"} 1',
    'memagent_component_state{component="audit",state="ok"} 0',
    'memagent_sandbox_processes{use="active"} 2',
    'memagent_sandbox_wall_proven{wall="process"} 1',
    'memagent_sandbox_wall_proven{wall="kernel"} 0',
  ])
    assert.ok(text.includes(`${expected}\n`), expected);
});

test('the proof of the audit has no time and no result before the first one', async () => {
  using metrics = createMetrics({ buildInfo });
  const series = async (): Promise<string[]> =>
    (await metrics.render()).match(/^memagent_audit_(?:last|verify)_\S+ \S+$/gm) ?? [];
  metrics.audit.setVerification({ intervalSeconds: 86_400, held: undefined, wholeMs: undefined });
  assert.deepEqual(await series(), ['memagent_audit_verify_interval_seconds 86400']);
  metrics.audit.setVerification({ intervalSeconds: 0, held: false, wholeMs: 1_500 });
  assert.deepEqual(await series(), [
    'memagent_audit_verify_interval_seconds 0',
    'memagent_audit_last_verified_timestamp_seconds 1.5',
    'memagent_audit_last_verification_ok 0',
  ]);
});

test('what is alerted for begins at 0: its first count is an increase', async () => {
  using metrics = createMetrics({ buildInfo });
  metrics.toolCall({ tool: 'fetch', outcome: 'ok', durationSeconds: 0.01 });
  const worker = {
    worker: 'worker',
    state: 'ready',
    requestsRunning: 0,
    lastProgressS: null,
    lastCanaryS: null,
    gpus: [],
  };
  metrics.workers.setWorker(worker, ['ready']);
  metrics.workers.workerRestarted({ worker: 'worker', reason: 'crash' });
  metrics.workers.setWorker(worker, ['ready']);
  const text = await metrics.render();
  for (const expected of [
    'memagent_tool_calls_total{tool="fetch",outcome="error"} 0',
    'memagent_fallback_total{reason="unavailable"} 0',
    'memagent_fallback_refused_total{reason="privacy_refused"} 0',
    'memagent_queue_rejected_total{reason="queue_full"} 0',
    'memagent_auth_failures_total{reason="unknown"} 0',
    'memagent_sandbox_runs_total{outcome="crash"} 0',
  ])
    assert.ok(text.includes(`${expected}\n`), expected);
  assert.match(text, /^memagent_worker_restarts_total\{(?=.*worker="worker")(?=.*reason="crash").*\} 1$/m);
  assert.match(text, /^memagent_worker_restarts_total\{(?=.*worker="worker")(?=.*reason="stall").*\} 0$/m);
});
