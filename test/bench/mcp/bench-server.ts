// One server of the MCP bench, in a process of its own. `product` is the daemon's real request path (keys, audit with usage,
// metrics and log, all durable in a real directory); `bare` is the SDK's documented pattern with one tool and nothing else.
// `node bench-server.ts product|plain-product|echo|search DIRECTORY`; it reports its port over IPC and answers `stats`.

import { createServer, type Server } from 'node:http';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { z } from 'zod';
import { openStoreParts } from '../../../src/daemon/store-parts.ts';
import { createRateLimits } from '../../../src/auth/rate-limits.ts';
import { createHttpApps } from '../../../src/http/http-apps.ts';
import { openListener } from '../../../src/http/listeners.ts';
import { uriOfPath } from '../../../src/http/mcp/note-uri.ts';
import { AppError } from '../../../src/lib/app-error.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { INDEX_SCHEMA } from '../../../src/memory/index-database.ts';
import type { MemoryRoot } from '../../../src/memory/memory-root.ts';
import { openMemoryRoot } from '../../../src/memory/open-memory-root.ts';
import { openIndexStore } from '../../../src/store/index-store.ts';
import { createLogger } from '../../../src/telemetry/create-logger.ts';
import { createEvents } from '../../../src/telemetry/events.ts';
import { createMetrics } from '../../../src/telemetry/metrics-registry.ts';
import { noTracer } from '../../../src/telemetry/tracer.ts';

export interface BenchServerStats {
  rssBytes: number;
  cpuMs: number;
}

async function openRoot(directory: string, name: string, stateName: string): Promise<MemoryRoot> {
  const state = join(directory, stateName);
  mkdirSync(state, { recursive: true });
  const index = openIndexStore({ directory: state, schema: INDEX_SCHEMA });
  const root = openMemoryRoot({ name, directory: join(directory, name), indexDatabase: index.db });
  root.start();
  while (root.status().index === 'building') await sleep(5);
  return root;
}

async function startProduct(directory: string, name: string): Promise<{ port: number; keys: Record<string, string> }> {
  const state = join(directory, `${name}-state`);
  const logger = createLogger({ level: 'info', destination: { file: join(directory, `${name}.log`) } });
  const metrics = createMetrics({ buildInfo: { version: 'bench', commit: 'bench', node: process.version } });
  const events = createEvents(logger, metrics);
  const parts = await openStoreParts({
    stateDirectory: state,
    auditContent: 'digest',
    clock: systemClock,
    onWriteError: (error) => {
      throw error;
    },
    onAuditRecord: () => metrics.auditRecords(1),
    onAuditProblem: (error) => {
      throw error;
    },
  });
  const large = await openRoot(directory, 'large', `${name}-large`);
  const small = await openRoot(directory, 'small', `${name}-small`);
  const noAgent = new AppError('UNSUPPORTED', 'The bench has no agent', { hint: 'Call another tool' });
  const apps = createHttpApps(
    {
      audit: parts.audit,
      tracer: noTracer,
      rootOf: (principal) => (principal.root === 'large' ? large : small),
      verifyKey: (token) => parts.keys.verify(token),
      limits: createRateLimits({ authFailuresPerMinute: () => 20 }),
      onLimited: ({ limit }) => metrics.limits.rateLimited(limit),
      principalOf: (id) => parts.keys.principalOf(id),
      onAuthFailure: () => undefined,
      agentRefusal: () => null,
      askAgent: () => Promise.reject(noAgent),
      health: () => ({}),
      metrics: () => metrics.render(),
      isReady: () => true,
      isDraining: () => false,
      onRequest: (facts) => metrics.httpRequest(facts),
      onMcpMessage: (facts) => metrics.mcpRequest(facts),
      onPathRefused: () => undefined,
      onAccessDenied: () => undefined,
      onToolCall: ({ code: _code, ...facts }) => events.toolEnded(facts),
      logger,
      clock: systemClock,
    },
    { version: 'bench', allowedHosts: [], allowedOrigins: [], trustedProxies: [], maxBodyBytes: 4_194_304 },
  );
  const listener = await openListener(apps.http, {
    address: { kind: 'tcp', host: '127.0.0.1', port: 0 },
    key: 'http.listen',
  });
  const keyFor = async (root: string): Promise<string> => (await parts.keys.create({ name: root, root })).key;
  return { port: listener.port ?? 0, keys: { large: await keyFor('large'), small: await keyFor('small') } };
}

/** The pattern of the SDK's documentation: a new McpServer for every request. */
async function startBare(build: () => McpServer): Promise<{ port: number; keys: Record<string, string> }> {
  const handler = createMcpHandler(build);
  const listener = getRequestListener((request) => handler.fetch(request));
  const server: Server = createServer((incoming, outgoing) => void listener(incoming, outgoing));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, keys: {} };
}

function buildEcho(): McpServer {
  const server = new McpServer({ name: 'bare', version: '1.0.0' });
  server.registerTool(
    'echo',
    { description: 'Says it back', inputSchema: z.object({ text: z.string() }) },
    ({ text }) => ({ content: [{ type: 'text', text }] }),
  );
  return server;
}

/** The same query with the same answer; no output schema, which would cost it more. */
function buildSearch(root: MemoryRoot): McpServer {
  const server = new McpServer({ name: 'bare', version: '1.0.0' });
  server.registerTool(
    'search',
    { description: 'Full-text search', inputSchema: z.object({ query: z.string() }) },
    async ({ query }) => {
      const hits = await root.search(query, 20);
      const found = { results: hits.map((hit) => ({ id: hit.path, title: hit.title, url: uriOfPath(hit.path) })) };
      return { content: [{ type: 'text', text: JSON.stringify(found) }], structuredContent: found };
    },
  );
  return server;
}

async function start(kind: string, directory: string): Promise<{ port: number; keys: Record<string, string> }> {
  if (kind.endsWith('product')) return startProduct(directory, kind);
  if (kind === 'echo') return startBare(buildEcho);
  const root = await openRoot(directory, 'large', 'bare-large');
  return startBare(() => buildSearch(root));
}

const [kind = '', directory = ''] = process.argv.slice(2);
process.send?.(await start(kind, directory));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  const stats: BenchServerStats = { rssBytes: process.memoryUsage.rss(), cpuMs: (user + system) / 1000 };
  process.send?.(stats);
});
process.once('disconnect', () => process.exit(0));
