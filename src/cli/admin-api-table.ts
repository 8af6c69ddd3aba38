// What the admin API takes and answers, as its OpenAPI document says. Written by test/helpers/write-admin-api-table.ts, which a
// test asks for whenever the two differ; never edited by hand.

export interface KeyPage {
  items: Key[];
  nextCursor: string | null;
}

export interface Key {
  id: string;
  name: string;
  kind: 'client' | 'admin';
  scopes: Scope[];
  root: string;
  state: 'active' | 'expired' | 'revoked' | 'unusable';
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
  rotatedFrom: string | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  policy: Policy;
}

export type Scope = 'agent' | 'memory:read' | 'memory:write' | 'metrics' | 'admin:read' | 'admin:write';

export interface Policy {
  owner?: string | undefined;
  labels?: Record<string, string> | undefined;
  readPaths?: string[] | undefined;
  writePaths?: string[] | undefined;
  tools?: string[] | undefined;
  cidrs?: string[] | undefined;
  limits?:
    | {
        requestsPerMinute?: number | undefined;
        concurrentRuns?: number | undefined;
        tokensPerDay?: number | undefined;
        tokensPerMonth?: number | undefined;
        usdPerDay?: number | undefined;
        usdPerMonth?: number | undefined;
        toolCallsPerMinute?: Record<string, number> | undefined;
      }
    | undefined;
}

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  hint?: string | undefined;
  requestId: string;
}

export interface CreatedKey {
  id: string;
  name: string;
  kind: 'client' | 'admin';
  scopes: Scope[];
  root: string;
  state: 'active' | 'expired' | 'revoked' | 'unusable';
  createdAt: string;
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
  rotatedFrom: string | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  policy: Policy;
  key: string;
}

export interface AuditPage {
  items: AuditRecord[];
  nextCursor: string | null;
}

export interface AuditRecord {
  seq: number;
  time: string;
  timeMs: number;
  callId: string;
  requestId: string;
  kind: string;
  actorKind: string;
  actorId: string;
  transport: string;
  action: string;
  root: string | null;
  operation: string | null;
  path: string | null;
  before: string | null;
  after: string | null;
  argsDigest: string | null;
  replyDigest: string | null;
  content: string | null;
  outcome: string | null;
  code: string | null;
  durationMs: number | null;
  prevHash: string;
  hash: string;
}

export interface AuditVerification {
  ok: boolean;
  records: number;
  firstBadSeq?: number | undefined;
  reason?: string | undefined;
  anchor?: { seq: number; hash: string } | undefined;
  checkpoints?: number | undefined;
}

export interface AuditCheckpoints {
  items: AuditCheckpoint[];
  publicKey: string | null;
}

export interface AuditCheckpoint {
  seq: number;
  hash: string;
  time: string;
  key: string;
  text: string;
}

export interface UsageReport {
  since: string;
  until: string;
  by: string;
  rows: {
    group: string;
    calls: number;
    errors: number;
    refused: number;
    inputTokens: number;
    outputTokens: number;
    modelMs: number;
    turns: number;
    notesRead: number;
    notesWritten: number;
    durationMs: number;
    costUsd: number;
  }[];
}

export interface Settings {
  items: Setting[];
  nextCursor: null;
}

export interface Setting {
  key: string;
  value: string | number | boolean | string[];
  source: string;
  doc: string;
  default: string | number | boolean | string[];
  reloadable: boolean;
  pendingRestart: boolean;
}

export interface ReloadResult {
  applied: string[];
  needRestart: string[];
}

export interface LogLevel {
  level: string;
}

export interface Status {
  version: string;
  node: string;
  state: string;
  pid: number | null;
  startedAt: string | null;
  stateDirectory: string;
  listeners: Record<string, string>;
  attachedClients: number;
  components: Record<
    string,
    {
      state: 'ok' | 'degraded' | 'failed' | 'starting';
      reason: string;
      sinceIso: string;
      details?: Record<string, unknown> | undefined;
    }
  >;
}

export interface Backend {
  name: string;
  priority: number;
  trust: 'local' | 'cloud';
  state: 'ok' | 'degraded' | 'failed';
  reason: string;
  breaker: 'closed' | 'open' | 'half-open' | null;
  requestsRunning: number;
  models: string[];
  error?: { code: string; message: string; hint?: string | undefined } | undefined;
}

export interface BackendTest {
  name: string;
  ok: boolean;
  model?: string | undefined;
  durationMs: number;
  timeToFirstTokenMs?: number | undefined;
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  costUsd?: number | undefined;
  text?: string | undefined;
  error?: { code: string; message: string; hint?: string | undefined } | undefined;
}

export interface RunPage {
  items: Run[];
  nextCursor: string | null;
}

export interface Run {
  id: string;
  keyId: string;
  root: string;
  state: 'queued' | 'running';
  queuedAt: string;
  startedAt: string | null;
  turns: number;
  backend: string | null;
}

export interface Queue {
  running: number;
  waiting: number;
  maxConcurrentRuns: number;
  maxQueuedRuns: number;
  waitingByKey: { keyId: string; waiting: number; oldestWaitMs: number }[];
  typicalRunMs: number;
}

export interface RootPage {
  items: Root[];
  nextCursor: string | null;
}

export interface Root {
  name: string;
  directory: string;
  notes: number;
  sizeBytes: number;
  index: 'building' | 'ready' | 'failed';
  indexedNotes: number;
  indexLagMs: number;
  readOnly: boolean;
  reason: string;
}

export interface NotePage {
  items: NoteEntry[];
  nextCursor: string | null;
}

export interface NoteEntry {
  path: string;
  sizeBytes: number;
  modifiedAt: string;
}

export interface Note {
  path: string;
  text: string;
  version: string;
  sizeBytes: number;
  modifiedAt: string;
}

export interface NoteHits {
  items: NoteHit[];
  nextCursor: null;
}

export interface NoteHit {
  path: string;
  title: string;
  snippet: string;
  score: number;
}

export interface MetricsHistory {
  minutes: Minute[];
}

export interface Minute {
  start: string;
  calls: number;
  errors: number;
  requests: number;
  serverErrors: number;
  p50Ms: number | null;
  p95Ms: number | null;
  inputTokens: number;
  outputTokens: number;
  maxRunning: number;
  maxWaiting: number;
}

export interface Filters {
  items: Filter[];
  nextCursor: null;
}

export interface Filter {
  kind: 'answer' | 'privacy';
  file: string | null;
  text: string;
  problem: { detail: string; hint: string } | null;
}

export interface AdminApi {
  'GET /keys': {
    input?: { query?: { limit?: number | string | undefined; cursor?: string | undefined } };
    answer: KeyPage;
  };
  'POST /keys': {
    input: {
      body: {
        name: string;
        kind?: string | undefined;
        scopes?: string[] | undefined;
        root?: string | undefined;
        expires?: string | undefined;
        cloudConsent?: boolean | undefined;
        cloudBudgetUsdPerMonth?: number | undefined;
        policy?: Policy | undefined;
      };
    };
    answer: CreatedKey;
  };
  'GET /keys/{id}': { input: { params: { id: string } }; answer: Key };
  'PATCH /keys/{id}': {
    input: {
      params: { id: string };
      ifMatch?: string | undefined;
      body: {
        name?: string | undefined;
        scopes?: string[] | undefined;
        root?: string | undefined;
        expires?: string | null | undefined;
        cloudConsent?: boolean | undefined;
        cloudBudgetUsdPerMonth?: number | undefined;
        policy?: Policy | undefined;
      };
    };
    answer: Key;
  };
  'DELETE /keys/{id}': { input: { params: { id: string }; ifMatch?: string | undefined }; answer: Key };
  'POST /keys/{id}/rotate': {
    input: { params: { id: string }; body: { overlap?: string | undefined } };
    answer: CreatedKey;
  };
  'GET /audit': {
    input?: {
      query?: {
        actor?: string | undefined;
        actorKind?: string | undefined;
        action?: string | undefined;
        path?: string | undefined;
        operation?: string | undefined;
        call?: string | undefined;
        request?: string | undefined;
        kind?: string | undefined;
        outcome?: string | undefined;
        code?: string | undefined;
        root?: string | undefined;
        security?: string | undefined;
        since?: string | undefined;
        until?: string | undefined;
        cursor?: string | undefined;
        limit?: number | string | undefined;
      };
    };
    answer: AuditPage;
  };
  'GET /audit/verify': { input?: Record<string, never>; answer: AuditVerification };
  'POST /audit/verify': {
    input: { body: { checkpoints?: string[] | undefined; publicKeys?: string[] | undefined } };
    answer: AuditVerification;
  };
  'GET /audit/checkpoints': { input?: { query?: { limit?: number | string | undefined } }; answer: AuditCheckpoints };
  'POST /audit/checkpoints': { input?: Record<string, never>; answer: AuditCheckpoints };
  'GET /audit/export': {
    input?: { query?: { from?: number | string | undefined; since?: string | undefined; until?: string | undefined } };
    answer: never;
  };
  'GET /usage': {
    input?: {
      query?: {
        last?: string | undefined;
        since?: string | undefined;
        until?: string | undefined;
        by?: string | undefined;
        format?: string | undefined;
      };
    };
    answer: UsageReport;
  };
  'GET /config': { input?: Record<string, never>; answer: Settings };
  'POST /config/reload': { input?: Record<string, never>; answer: ReloadResult };
  'GET /log-level': { input?: Record<string, never>; answer: LogLevel };
  'PUT /log-level': { input: { body: { level: string } }; answer: LogLevel };
  'GET /status': { input?: Record<string, never>; answer: Status };
  'POST /drain': { input?: Record<string, never>; answer: { state: string } };
  'GET /leases': { input?: Record<string, never>; answer: never };
  'GET /worker': {
    input?: Record<string, never>;
    answer: {
      name: string;
      profile: string;
      state:
        | 'stopped'
        | 'starting'
        | 'loading'
        | 'ready'
        | 'busy'
        | 'stalled'
        | 'draining'
        | 'backoff'
        | 'crash_loop'
        | 'failed';
      reason: string;
      sinceIso: string;
      pid: number | null;
      baseUrl: string | null;
      servedModel: string;
      lease: 'load' | 'compile' | 'sleep' | null;
      isAsleep: boolean;
      requestsRunning: number;
      restarts: number;
      retryInMs: number | null;
      lastProgressIso: string | null;
      lastCanaryIso: string | null;
      lastFailure: {
        atIso: string;
        kind: 'crash' | 'stall' | 'load' | 'canary' | 'spawn';
        reason: string;
        logTail: string[];
        metrics: string;
        gpus: {
          index: number;
          name: string;
          memoryUsedBytes: number;
          memoryTotalBytes: number;
          utilisationRatio: number;
          temperatureCelsius: number | null;
        }[];
      } | null;
      gpus: {
        index: number;
        name: string;
        memoryUsedBytes: number;
        memoryTotalBytes: number;
        utilisationRatio: number;
        temperatureCelsius: number | null;
      }[];
    };
  };
  'POST /worker/start': {
    input?: Record<string, never>;
    answer: {
      name: string;
      profile: string;
      state:
        | 'stopped'
        | 'starting'
        | 'loading'
        | 'ready'
        | 'busy'
        | 'stalled'
        | 'draining'
        | 'backoff'
        | 'crash_loop'
        | 'failed';
      reason: string;
      sinceIso: string;
      pid: number | null;
      baseUrl: string | null;
      servedModel: string;
      lease: 'load' | 'compile' | 'sleep' | null;
      isAsleep: boolean;
      requestsRunning: number;
      restarts: number;
      retryInMs: number | null;
      lastProgressIso: string | null;
      lastCanaryIso: string | null;
      lastFailure: {
        atIso: string;
        kind: 'crash' | 'stall' | 'load' | 'canary' | 'spawn';
        reason: string;
        logTail: string[];
        metrics: string;
        gpus: {
          index: number;
          name: string;
          memoryUsedBytes: number;
          memoryTotalBytes: number;
          utilisationRatio: number;
          temperatureCelsius: number | null;
        }[];
      } | null;
      gpus: {
        index: number;
        name: string;
        memoryUsedBytes: number;
        memoryTotalBytes: number;
        utilisationRatio: number;
        temperatureCelsius: number | null;
      }[];
    };
  };
  'POST /worker/stop': {
    input?: Record<string, never>;
    answer: {
      name: string;
      profile: string;
      state:
        | 'stopped'
        | 'starting'
        | 'loading'
        | 'ready'
        | 'busy'
        | 'stalled'
        | 'draining'
        | 'backoff'
        | 'crash_loop'
        | 'failed';
      reason: string;
      sinceIso: string;
      pid: number | null;
      baseUrl: string | null;
      servedModel: string;
      lease: 'load' | 'compile' | 'sleep' | null;
      isAsleep: boolean;
      requestsRunning: number;
      restarts: number;
      retryInMs: number | null;
      lastProgressIso: string | null;
      lastCanaryIso: string | null;
      lastFailure: {
        atIso: string;
        kind: 'crash' | 'stall' | 'load' | 'canary' | 'spawn';
        reason: string;
        logTail: string[];
        metrics: string;
        gpus: {
          index: number;
          name: string;
          memoryUsedBytes: number;
          memoryTotalBytes: number;
          utilisationRatio: number;
          temperatureCelsius: number | null;
        }[];
      } | null;
      gpus: {
        index: number;
        name: string;
        memoryUsedBytes: number;
        memoryTotalBytes: number;
        utilisationRatio: number;
        temperatureCelsius: number | null;
      }[];
    };
  };
  'POST /worker/restart': {
    input?: Record<string, never>;
    answer: {
      name: string;
      profile: string;
      state:
        | 'stopped'
        | 'starting'
        | 'loading'
        | 'ready'
        | 'busy'
        | 'stalled'
        | 'draining'
        | 'backoff'
        | 'crash_loop'
        | 'failed';
      reason: string;
      sinceIso: string;
      pid: number | null;
      baseUrl: string | null;
      servedModel: string;
      lease: 'load' | 'compile' | 'sleep' | null;
      isAsleep: boolean;
      requestsRunning: number;
      restarts: number;
      retryInMs: number | null;
      lastProgressIso: string | null;
      lastCanaryIso: string | null;
      lastFailure: {
        atIso: string;
        kind: 'crash' | 'stall' | 'load' | 'canary' | 'spawn';
        reason: string;
        logTail: string[];
        metrics: string;
        gpus: {
          index: number;
          name: string;
          memoryUsedBytes: number;
          memoryTotalBytes: number;
          utilisationRatio: number;
          temperatureCelsius: number | null;
        }[];
      } | null;
      gpus: {
        index: number;
        name: string;
        memoryUsedBytes: number;
        memoryTotalBytes: number;
        utilisationRatio: number;
        temperatureCelsius: number | null;
      }[];
    };
  };
  'POST /worker/probe': {
    input?: Record<string, never>;
    answer: {
      ok: boolean;
      steps: { step: 'health' | 'models' | 'completion'; ok: boolean; durationMs: number; detail: string }[];
    };
  };
  'GET /worker/logs': {
    input?: { query?: { limit?: number | string | undefined; follow?: string | undefined } };
    answer: {
      seq: number;
      timeIso: string;
      stream: 'stdout' | 'stderr' | 'supervisor';
      level: 'debug' | 'info' | 'warn' | 'error';
      source: string;
      text: string;
    }[];
  };
  'GET /models': { input?: Record<string, never>; answer: Backend[] };
  'POST /models/test': { input: { body: { name?: string | undefined } }; answer: BackendTest[] };
  'GET /runs': {
    input?: { query?: { limit?: number | string | undefined; cursor?: string | undefined } };
    answer: RunPage;
  };
  'DELETE /runs/{id}': { input: { params: { id: string } }; answer: Run };
  'GET /queue': { input?: Record<string, never>; answer: Queue };
  'GET /roots': {
    input?: { query?: { limit?: number | string | undefined; cursor?: string | undefined } };
    answer: RootPage;
  };
  'GET /notes': {
    input?: {
      query?: {
        root?: string | undefined;
        prefix?: string | undefined;
        limit?: number | string | undefined;
        cursor?: string | undefined;
      };
    };
    answer: NotePage;
  };
  'GET /notes/content': { input: { query: { root?: string | undefined; path: string } }; answer: Note };
  'GET /notes/search': {
    input: { query: { root?: string | undefined; q: string; limit?: number | string | undefined } };
    answer: NoteHits;
  };
  'GET /metrics/history': { input?: Record<string, never>; answer: MetricsHistory };
  'GET /events': { input?: Record<string, never>; answer: never };
  'GET /filters': { input?: Record<string, never>; answer: Filters };
  'GET /filters/{kind}': { input: { params: { kind: string } }; answer: Filter };
  'PUT /filters/{kind}': {
    input: { params: { kind: string }; ifMatch?: string | undefined; body: { text: string } };
    answer: Filter;
  };
}
