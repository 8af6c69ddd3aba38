// Starts the real apps on ephemeral loopback ports with recorded ports behind them: what was audited, asked and counted can
// be looked at, and the audit can be made to fail.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditCall, AuditIntent, AuditLog, AuditOutcome, NoteOperation } from '../../src/audit/audit-log.ts';
import { SCOPES, type Principal, type Scope } from '../../src/auth/principal.ts';
import type { Limits } from '../../src/auth/policy.ts';
import { createRateLimits } from '../../src/auth/rate-limits.ts';
import { createHttpApps, type HttpApps, type HttpAppsOptions } from '../../src/http/http-apps.ts';
import { openListener, type Listener, type ListenerOptions } from '../../src/http/listeners.ts';
import type {
  AgentResult,
  AskAgentRequest,
  HttpPorts,
  LimitedFacts,
  PathRefusedFacts,
  RequestFacts,
  ToolCallFacts,
} from '../../src/http/ports.ts';
import { AppError } from '../../src/lib/app-error.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { ComponentHealth } from '../../src/lib/component.ts';
import type { MemoryRoot } from '../../src/memory/memory-root.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { INDEX_SCHEMA } from '../../src/memory/index-database.ts';
import { openMemoryRoot } from '../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../src/store/index-store.ts';
import { noTracer } from '../../src/telemetry/tracer.ts';

export interface AuditEntry {
  intent: AuditIntent;
  operations: NoteOperation[];
  outcome?: AuditOutcome;
}

export interface HarnessOptions {
  apps?: Partial<HttpAppsOptions>;
  listener?: Partial<ListenerOptions>;
  ask?: (request: AskAgentRequest) => Promise<AgentResult>;
  agentRefusal?: () => AppError | null;
  /** Default 0: never too many. */
  authFailuresPerMinute?: number;
}

export interface Harness extends AsyncDisposable {
  apps: HttpApps;
  http: Listener;
  url: string;
  root: MemoryRoot;
  directory: string;
  audit: AuditEntry[];
  failures: string[];
  limited: LimitedFacts[];
  requests: RequestFacts[];
  toolCalls: ToolCallFacts[];
  pathRefusals: PathRefusedFacts[];
  /** Switches of the daemon's state. */
  state: {
    auditWorks: 'yes' | 'no' | 'intent-only';
    ready: boolean;
    draining: boolean;
    health: Record<string, ComponentHealth>;
  };
  ports: HttpPorts;
  keyOf(...scopes: Scope[]): string;
  /** A key with every scope and these limits. */
  limitedKey(limits: Limits): string;
  /** A POST to /mcp with the full key, or `init.key`. */
  post(
    body: unknown,
    init?: { key?: string | null; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Response>;
}

export const MODERN_META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
};

export const agentSays = (reply: string): AgentResult => ({
  reply,
  backend: 'builtin',
  model: 'builtin',
  degraded: true,
  turns: 1,
  inputTokens: 3,
  outputTokens: 2,
  modelMs: 1,
  costUsd: 0,
  notesRead: 1,
  notesWritten: 0,
});

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

export function principalOf(scopes: readonly Scope[], id = `k_${scopes.join('_')}`): Principal {
  return { kind: 'key', id, name: id, scopes: new Set(scopes), root: 'default' };
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const base = mkdtempSync(join(tmpdir(), 'mem-http-'));
  const directory = join(base, 'memory');
  mkdirSync(join(directory, 'entities'), { recursive: true });
  writeFileSync(join(directory, 'user.md'), '# Kim\n\n- sister: [[entities/anna]]\n');
  writeFileSync(join(directory, 'entities', 'anna.md'), '# Anna\n\n- city: Lisbon\n');
  const indexStore = openIndexStore({ directory: join(base, 'state'), schema: INDEX_SCHEMA });
  const root = openMemoryRoot({ name: 'default', directory, indexDatabase: indexStore.db });
  root.start();
  while (root.status().index === 'building') await delay(2);
  const entries: AuditEntry[] = [];
  const failures: string[] = [];
  const limited: LimitedFacts[] = [];
  const requests: RequestFacts[] = [];
  const toolCalls: ToolCallFacts[] = [];
  const pathRefusals: PathRefusedFacts[] = [];
  const keys = new Map<string, Principal>();
  const state: Harness['state'] = { auditWorks: 'yes', ready: true, draining: false, health: {} };
  const unavailable = (): AppError =>
    new AppError('AUDIT_UNAVAILABLE', 'The audit record can not be written', { hint: 'Free some disk space' });
  const audit: AuditLog = {
    begin: (intent, operations = []) => {
      if (state.auditWorks === 'no') return Promise.reject(unavailable());
      const entry: AuditEntry = { intent, operations: [...operations] };
      entries.push(entry);
      const call: AuditCall = {
        callId: `c_${entries.length}`,
        operation: (operation) => {
          if (state.auditWorks !== 'yes') return Promise.reject(unavailable());
          entry.operations.push(operation);
          return Promise.resolve();
        },
        finish: (outcome) => {
          if (state.auditWorks !== 'yes') return Promise.reject(unavailable());
          entry.outcome = outcome;
          return Promise.resolve();
        },
      };
      return Promise.resolve(call);
    },
  };
  const ports: HttpPorts = {
    audit,
    rootOf: () => root,
    verifyKey: (token) => keys.get(token) ?? { failure: 'unknown' },
    limits: createRateLimits({ authFailuresPerMinute: () => options.authFailuresPerMinute ?? 0 }),
    onLimited: (facts) => limited.push(facts),
    principalOf: (id) => keys.values().find((principal) => principal.id === id),
    onAuthFailure: (address, reason) => failures.push(`${address} ${reason}`),
    agentRefusal: () => options.agentRefusal?.() ?? null,
    askAgent: options.ask ?? (({ question }) => Promise.resolve(agentSays(`You asked: ${question}`))),
    health: () => state.health,
    metrics: () => Promise.resolve('memagent_up 1\n'),
    isReady: () => state.ready,
    isDraining: () => state.draining,
    onRequest: (facts) => requests.push(facts),
    onMcpMessage: () => {},
    onToolCall: (facts) => toolCalls.push(facts),
    onPathRefused: (facts) => pathRefusals.push(facts),
    onAccessDenied: () => undefined,
    logger: silentLogger,
    clock: systemClock,
    tracer: noTracer,
  };
  const apps = createHttpApps(ports, {
    version: '0.0.0-test',
    allowedHosts: [],
    allowedOrigins: [],
    trustedProxies: [],
    maxBodyBytes: 65_536,
    ...options.apps,
  });
  const http = await openListener(apps.http, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    key: 'http.listen',
    ...options.listener,
  });
  const keyOf = (...scopes: Scope[]): string => {
    const key = `mema_client_${scopes.join('_').replaceAll(':', '_')}`;
    keys.set(key, principalOf(scopes));
    return key;
  };
  const limitedKey = (limits: Limits): string => {
    const key = `mema_client_limited_${keys.size}`;
    keys.set(key, { ...principalOf(SCOPES, `k_limited_${keys.size}`), policy: { limits } });
    return key;
  };
  const url = `${http.url}/mcp`;
  const fullKey = keyOf(...SCOPES);
  return {
    apps,
    http,
    url,
    root,
    directory,
    audit: entries,
    failures,
    limited,
    requests,
    toolCalls,
    pathRefusals,
    state,
    ports,
    keyOf,
    limitedKey,
    post: (body, init = {}) => {
      const key = init.key === undefined ? fullKey : init.key;
      const headers: Record<string, string> = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...init.headers,
      };
      if (key !== null) headers['authorization'] = `Bearer ${key}`;
      return fetch(url, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers,
        signal: init.signal ?? null,
      });
    },
    [Symbol.asyncDispose]: async () => {
      await apps.mcp.close();
      await http[Symbol.asyncDispose]();
      await root[Symbol.asyncDispose]();
      indexStore.close();
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** A 2026-07-28 request with the headers the revision requires. */
export function modernCall(
  method: string,
  params: Record<string, unknown> = {},
  id: number | string = 1,
): { body: object; headers: Record<string, string> } {
  const name = params['name'] ?? params['uri'];
  return {
    body: {
      jsonrpc: '2.0',
      id,
      method,
      params: { ...params, _meta: { ...MODERN_META, ...(params['_meta'] as object | undefined) } },
    },
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
  };
}
