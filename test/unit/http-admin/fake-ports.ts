// Admin ports in memory, for tests: they record the order of what happens, and the audit can be made unwritable.
import type { RunInfo } from '../../../src/agent/run-registry.ts';
import type { AuditOutcome } from '../../../src/audit/audit-log.ts';
import type { Principal, Scope } from '../../../src/auth/principal.ts';
import type { CreatedKey, KeyInfo } from '../../../src/auth/open-key-store.ts';
import { parseKeyChange, parseKeyRequest, type CreateKeyRequest } from '../../../src/auth/key-request.ts';
import type { AdminPorts, BackendInfo, RunningPorts, WorkerPort } from '../../../src/http/admin/admin-ports.ts';
import type { AdminApp } from '../../../src/http/admin/admin-route.ts';
import { createAdminApp } from '../../../src/http/admin/admin-app.ts';
import { createAdminRouter } from '../../../src/http/admin/admin-route.ts';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { createMinuteFigures } from '../../../src/telemetry/minute-figures.ts';
import { AppError } from '../../../src/lib/app-error.ts';

export interface FakePorts {
  ports: AdminPorts;
  events: string[];
  audit: { failBegin: boolean; failFinish: boolean; outcomes: AuditOutcome[] };
  keys: Map<string, KeyInfo>;
  drained: AbortController;
}

export function createFakePorts(
  options: { running?: boolean; worker?: WorkerPort; roots?: readonly MemoryRoot[] } = {},
): FakePorts {
  const events: string[] = [];
  const audit: FakePorts['audit'] = { failBegin: false, failFinish: false, outcomes: [] };
  const keys = new Map<string, KeyInfo>();
  const drained = new AbortController();
  const unavailable = (): AppError =>
    new AppError('AUDIT_UNAVAILABLE', 'The audit cannot be written', { hint: 'Free some space' });
  let attached = 0;
  let level = 'info';
  let nextId = 1;
  const filters = new Map<string, string>();
  const runs = [run('r_2', 'running'), run('r_1', 'queued')];
  const minutes = createMinuteFigures({ nowMs: () => 1_000_000, monotonicMs: () => 5 });
  const create = async (request: CreateKeyRequest): Promise<CreatedKey> => {
    const info: KeyInfo = {
      ...parseKeyRequest(request, 1_000_000),
      id: `k_${nextId++}`,
      state: 'active',
      createdAtMs: 0,
      revokedAtMs: null,
      lastUsedAtMs: null,
      rotatedFrom: null,
    };
    keys.set(info.id, info);
    events.push(`create ${info.id}`);
    return { ...info, key: `mema_${info.kind}_${info.id}` };
  };
  const running: RunningPorts = {
    reload: async () => ({ applied: ['log.level'], needRestart: ['http.listen'] }),
    logLevel: { get: () => level, set: (to) => void (level = to) },
    runs: {
      list: () => runs,
      cancel(id) {
        events.push(`cancel ${id}`);
        return runs.some((run) => run.id === id);
      },
    },
    queue: () => ({
      running: 1,
      waiting: 1,
      maxConcurrentRuns: 1,
      maxQueuedRuns: 64,
      waitingByPrincipal: [{ id: 'k_2', waiting: 1, oldestWaitMs: 70 }],
      typicalRunMs: 5000,
    }),
    minutes: () => minutes.rows(),
    pendingRestart: () => ['model.api_key'],
    drain: (reason) => void events.push(`drain ${reason}`),
    leases: {
      attach() {
        attached += 1;
        return () => void (attached -= 1);
      },
      get attached() {
        return attached;
      },
      closing: drained.signal,
    },
  };
  const ports: AdminPorts = {
    version: '0.0.1',
    clock: { nowMs: () => 1_000_000, monotonicMs: () => 5 },
    audit: {
      async begin(intent, operations = []) {
        if (audit.failBegin) throw unavailable();
        events.push(`intent ${intent.action} by ${intent.actor.id} over ${intent.transport}`);
        for (const { operation, path } of operations) events.push(`${operation} ${path}`);
        return {
          callId: 'c',
          async operation({ operation, before, after }) {
            events.push(`${operation} from ${before} to ${after}`);
          },
          async finish(outcome) {
            if (audit.failFinish) throw unavailable();
            audit.outcomes.push(outcome);
            events.push(`outcome ${outcome.outcome}`);
          },
        };
      },
      tail: ({ limit, afterSeq = 0 }) =>
        [record(1), record(2), record(3)].filter((row) => row.seq > afterSeq).slice(-limit),
      search: ({ limit }) => ({ records: [record(3), record(2), record(1)].slice(0, limit), nextCursor: '2000.2' }),
      checkpoints: () => [],
      checkpoint: async () => undefined,
      publicKey: () => undefined,
      *exportRows({ afterSeq = 0 } = {}) {
        for (let seq = afterSeq + 1; seq <= 2000; seq++) yield record(seq);
      },
      verify: async () => ({
        ok: false,
        records: 1,
        firstBadSeq: 2,
        reason: 'the record was changed after it was written',
      }),
    },
    keys: {
      list: () => [...keys.values()],
      create,
      async change(id, wanted) {
        const key = keys.get(id);
        if (key === undefined) throw new AppError('NOT_FOUND', 'no such key');
        const changed = { ...key, ...parseKeyChange(wanted, key) };
        keys.set(id, changed);
        events.push(`change ${id}`);
        return changed;
      },
      async revoke(id) {
        const key = keys.get(id);
        if (key === undefined)
          throw new AppError('NOT_FOUND', 'no such key', { hint: 'See "mem-agent keys list" for the ids' });
        const revoked = { ...key, revokedAtMs: 1, state: 'revoked' as const };
        keys.set(id, revoked);
        events.push(`revoke ${id}`);
        return revoked;
      },
      async rotate(id, { overlapMs }) {
        events.push(`rotate ${id} ${overlapMs}`);
        const old = keys.get(id);
        if (old !== undefined) keys.set(id, { ...old, expiresAtMs: 1_000_000 + overlapMs });
        const created = await create({ name: 'n', scopes: ['agent'] });
        return { ...created, rotatedFrom: id };
      },
    },
    rootNames: () => ['default', 'work'],
    usage: ({ by, sinceMs }) => [
      {
        group: `${String(by)} ${sinceMs}`,
        calls: 1,
        errors: 0,
        refused: 0,
        inputTokens: 0,
        outputTokens: 0,
        modelMs: 0,
        turns: 0,
        notesRead: 0,
        notesWritten: 0,
        durationMs: 0,
        costUsd: 0,
      },
    ],
    explainConfig: () => [
      {
        key: 'model.api_key',
        value: '***',
        source: 'MEM_AGENT_MODEL_API_KEY',
        doc: 'd',
        default: '',
        reloadable: false,
      },
    ],
    stateDirectory: '/state',
    state: () => 'ready',
    listeners: () => ({ http: 'http://127.0.0.1:1' }),
    startedAtMs: 0,
    health: () => ({ memory: { state: 'ok', reason: 'fine', sinceIso: '2026-01-01T00:00:00.000Z' } }),
    worker: options.worker ?? null,
    models: {
      list: () => [backend('local', 0), backend('slow', 1), backend('broken', 1)],
      async listModels(name) {
        // It does not even obey its signal.
        if (name === 'slow') return new Promise(() => undefined);
        if (name === 'broken') throw new AppError('MODEL_UNAVAILABLE', 'refused', { hint: 'start it' });
        return ['mem-agent'];
      },
      async test(name) {
        events.push(`test ${name}`);
        if (name === 'broken') throw new AppError('MODEL_UNAVAILABLE', 'refused', { hint: 'start it' });
        return {
          model: 'mem-agent',
          durationMs: 12,
          timeToFirstTokenMs: 3,
          inputTokens: 9,
          outputTokens: 2,
          text: ' yes\n',
        };
      },
    },
    filters: {
      read: (kind) => ({ file: `/etc/${kind}`, text: filters.get(kind) ?? '', problem: null }),
      async write(kind, text) {
        events.push(`write ${kind}`);
        filters.set(kind, text);
      },
    },
    roots: async () => options.roots ?? [],
    running: options.running === false ? null : running,
  };
  return { ports, events, audit, keys, drained };
}

function run(id: string, state: RunInfo['state']): RunInfo {
  const startedAtMs = state === 'running' ? 2000 : null;
  return { id, keyId: 'k_2', root: 'default', state, queuedAtMs: 1000, startedAtMs, turns: 1, backend: 'builtin' };
}

function backend(name: string, priority: number): BackendInfo {
  return { name, priority, trust: 'local', state: 'ok', reason: 'fine', breaker: 'closed', requestsRunning: 0 };
}

function record(seq: number): ReturnType<AdminPorts['audit']['tail']>[number] {
  return {
    seq,
    timeMs: seq * 1000,
    callId: 'c',
    requestId: 'r',
    kind: 'intent',
    actorKind: 'key',
    actorId: 'k_1',
    transport: 'http',
    action: 'tool.fetch',
    root: 'default',
    operation: null,
    path: null,
    before: null,
    after: null,
    argsDigest: null,
    replyDigest: null,
    content: null,
    outcome: null,
    code: null,
    durationMs: null,
    prevHash: 'p',
    hash: 'h',
  };
}

/** The admin app behind a guard that lets in one caller with these scopes, as the listeners do. */
export function appFor(
  ports: AdminPorts,
  scopes: readonly Scope[],
  id = 'k_caller',
  admin = createAdminApp(ports),
): AdminApp {
  const principal: Principal = {
    kind: 'key',
    id,
    name: 'caller',
    scopes: new Set(scopes),
    root: 'default',
  };
  const app = createAdminRouter();
  app.use(async (c, next) => {
    c.set('requestId', 'req-1');
    c.set('transport', 'http');
    c.set('principal', principal);
    await next();
  });
  app.route('/', admin);
  return app;
}
