// One MCP server object for one request (or one legacy session). The low-level Server with schemas prepared at start: a
// server is built for every request, and McpServer would convert every schema each time.
import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  Server,
  type CacheHint,
  type ServerCapabilities,
  type ServerContext,
  type ServerOptions,
} from '@modelcontextprotocol/server';
import { AjvJsonSchemaValidator } from '@modelcontextprotocol/server/validators/ajv';
import { callerAuthOf } from './caller.ts';
import type { ExtraSurface } from './extra-surface.ts';
import { SERVER_INSTRUCTIONS } from './instructions.ts';
import { getPrompt, PROMPTS } from './prompts.ts';
import { asProtocolError, listNoteResources, NOTE_TEMPLATE, readNoteResource, runResource } from './resources.ts';
import { runTool, type RunToolPorts } from './run-tool.ts';
import { MAX_SUBSCRIPTIONS } from './subscription-bounds.ts';
import { ALL_TOOLS } from './tool-table.ts';

/** `modern` is 2026-07-28; `session` keeps a 2025 client connected; `stateless` answers one 2025 request. */
export type ServingMode = 'modern' | 'stateless' | 'session';

export interface McpServerFactoryOptions {
  version: string;
  extra?: ExtraSurface | undefined;
}

export type BuildMcpServer = (mode: ServingMode, subscriptions?: Set<string>) => Server;

const CACHE_FIXED: CacheHint = { ttlMs: 300_000, cacheScope: 'private' };
const CACHE_NOTES: CacheHint = { ttlMs: 0, cacheScope: 'private' };

function capabilitiesOf(mode: ServingMode): ServerCapabilities {
  // A stateless 2025 answer has no channel for later news, so it promises none.
  return { tools: {}, prompts: {}, resources: mode === 'stateless' ? {} : { listChanged: true, subscribe: true } };
}

export function createMcpServerFactory(ports: RunToolPorts, options: McpServerFactoryOptions): BuildMcpServer {
  const { extra } = options;
  const identity = { name: 'mem-agent', title: 'mem-agent memory', version: options.version };
  const tools = [...ALL_TOOLS.map((tool) => tool.definition), ...(extra?.tools ?? []).map((tool) => tool.definition)];
  const prompts = [...PROMPTS, ...(extra?.prompts ?? []).map((prompt) => prompt.definition)];
  const templates = [NOTE_TEMPLATE, ...(extra?.templates ?? [])];
  const shared: ServerOptions = {
    instructions: SERVER_INSTRUCTIONS,
    jsonSchemaValidator: new AjvJsonSchemaValidator(),
    cacheHints: {
      'server/discover': CACHE_FIXED,
      'tools/list': CACHE_FIXED,
      'prompts/list': CACHE_FIXED,
      'resources/templates/list': CACHE_FIXED,
      'resources/list': CACHE_NOTES,
      'resources/read': CACHE_NOTES,
    },
    ...extra?.serverOptions,
  };
  const optionsByMode = new Map<ServingMode, ServerOptions>(
    (['modern', 'stateless', 'session'] as const).map((mode) => [
      mode,
      { ...shared, capabilities: { ...capabilitiesOf(mode), ...extra?.serverOptions.capabilities } },
    ]),
  );

  const callTool = (name: string, context: ServerContext): ReturnType<typeof runTool> => {
    const auth = callerAuthOf(context.http?.authInfo);
    const prepared = auth.takePrepared();
    if (prepared === undefined || prepared.kind === 'resource')
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, `There is no tool "${name}"; see tools/list`);
    return runTool(prepared, auth.caller, context, ports);
  };

  return (mode, subscriptions) => {
    const server = new Server(identity, optionsByMode.get(mode));
    server.setRequestHandler('tools/list', () => ({ tools }));
    server.setRequestHandler('tools/call', (request, context) => {
      const fixture = extra?.tools.find((tool) => tool.definition.name === request.params.name);
      return fixture === undefined ? callTool(request.params.name, context) : fixture.call(request, context);
    });
    server.setRequestHandler('prompts/list', () => ({ prompts }));
    server.setRequestHandler('prompts/get', (request, context) => {
      const fixture = extra?.prompts.find((prompt) => prompt.definition.name === request.params.name);
      return fixture === undefined
        ? getPrompt(request.params.name, request.params.arguments)
        : fixture.get(request, context);
    });
    server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: templates }));
    server.setRequestHandler('resources/list', async (request, context) => {
      const auth = callerAuthOf(context.http?.authInfo);
      const page = await runResource(auth.takePrepared(), auth.caller, ports, (root) =>
        listNoteResources(root, request.params?.cursor),
      ).catch((error: unknown) => {
        throw asProtocolError(error);
      });
      return request.params?.cursor === undefined
        ? { ...page, resources: [...(extra?.resources ?? []), ...page.resources] }
        : page;
    });
    server.setRequestHandler('resources/read', async (request, context) => {
      const fixture = await extra?.readResource(request, context);
      if (fixture !== undefined) return fixture;
      const auth = callerAuthOf(context.http?.authInfo);
      const prepared = auth.takePrepared();
      if (prepared === undefined) throw new ResourceNotFoundError(request.params.uri);
      return runResource(prepared, auth.caller, ports, (root) => readNoteResource(root, request.params.uri), 1);
    });
    if (subscriptions !== undefined) serveSubscriptions(server, subscriptions);
    extra?.install(server);
    return server;
  };
}

function serveSubscriptions(server: Server, subscriptions: Set<string>): void {
  server.setRequestHandler('resources/subscribe', (request) => {
    if (subscriptions.size >= MAX_SUBSCRIPTIONS && !subscriptions.has(request.params.uri)) {
      throw new ProtocolError(
        ProtocolErrorCode.InvalidParams,
        `A session may follow ${MAX_SUBSCRIPTIONS} resources; unsubscribe from one first`,
      );
    }
    subscriptions.add(request.params.uri);
    return {};
  });
  server.setRequestHandler('resources/unsubscribe', (request) => {
    subscriptions.delete(request.params.uri);
    return {};
  });
}
