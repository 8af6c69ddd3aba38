// `/mcp`: one URL for 2026-07-28 and the 2025 revisions. Everything that can be refused (JSON, batch, scope, arguments, an
// audit that can't be written) is refused here, before the SDK; then the SDK speaks the protocol.
import {
  createMcpHandler,
  isLegacyRequest,
  type McpHttpHandler,
  type ServerEventBus,
} from '@modelcontextprotocol/server';
import type { CallerWatch } from '../../auth/caller-watch.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import { isDeeperThan } from '../../lib/json-depth.ts';
import { headerOf, type HttpContext } from '../env.ts';
import { jsonRpcErrorResponse, type JsonRpcId } from '../errors.ts';
import { scopeChallenge } from '../middleware/bearer-challenge.ts';
import { toolCallRefusal } from '../middleware/rate-limit.ts';
import type { HttpPorts } from '../ports.ts';
import { callRefusal, toolOfMethod } from './call-refusal.ts';
import { CallerAuth, type Caller } from './caller.ts';
import { createCancellations } from './cancellations.ts';
import { withCode } from './coded-refusal.ts';
import type { ExtraSurface } from './extra-surface.ts';
import { createLegacySessions, type LegacySessionsOptions } from './legacy-sessions.ts';
import { createMcpServerFactory } from './mcp-server.ts';
import { createNoteSubscriptions } from './note-subscriptions.ts';
import {
  abandonCall,
  isRecord,
  parseJsonRpcCall,
  prepareCall,
  type JsonRpcCall,
  type PreparedCall,
} from './prepared-call.ts';
import { refuseLargeSubscription } from './subscription-bounds.ts';
import type { RegisteredTool } from './tool.ts';
import { TOOLS_BY_NAME } from './tool-table.ts';

/** More than any client sends. */
const MOST_LEVELS = 128;

export interface McpEndpointOptions {
  /** Version the server tells its clients. */
  version: string;
  /** Stateful 2025 sessions; without it every 2025 request stands alone. */
  legacySessions?: LegacySessionsOptions | undefined;
  /** Test fixtures; the daemon never sets it. */
  extra?: ExtraSurface | undefined;
}

export interface McpEndpoint {
  handle(c: HttpContext): Promise<Response>;
  /** Tells the subscribers of this root which notes changed, and with `isListChanged` that notes came or went. */
  notifyNotesChanged(paths: readonly string[], isListChanged?: boolean, root?: string): void;
  /** Ends the streams that would never end by themselves; calls go on. */
  endStreams(): Promise<void>;
  /** Ends everything, calls included. */
  close(): Promise<void>;
}

export function createMcpEndpoint(ports: HttpPorts, callers: CallerWatch, options: McpEndpointOptions): McpEndpoint {
  const cancellations = createCancellations();
  const build = createMcpServerFactory(
    {
      ...ports,
      rootOf: (p) => ports.rootOf(p),
      askAgent: (r) => ports.askAgent(r),
      onToolCall: (f) => ports.onToolCall(f),
      onPathRefused: (f) => ports.onPathRefused(f),
      cancellations,
      callers,
    },
    options,
  );
  const onerror = (error: Error): void => ports.logger.debug({ err: error }, 'mcp');
  const handler = (responseMode: 'auto' | 'sse', bus?: ServerEventBus): McpHttpHandler =>
    createMcpHandler(({ era }) => build(era === 'modern' ? 'modern' : 'stateless'), {
      ...(bus !== undefined && { bus }),
      onerror,
      responseMode,
      legacy: options.legacySessions === undefined ? 'stateless' : 'reject',
    });
  // Quick answers as JSON; long ones stream from the start, so that proxies see life; and the subscriptions apart, so that a
  // drain can end them without ending calls.
  const quick = handler('auto');
  const long = handler('sse');
  const listening = createNoteSubscriptions((bus) => handler('auto', bus), onerror);
  const sessions =
    options.legacySessions === undefined
      ? undefined
      : createLegacySessions(build, { clock: ports.clock, callers }, onerror, options.legacySessions);

  const serve = async (
    request: Request,
    body: unknown,
    auth: CallerAuth,
    call: JsonRpcCall | undefined,
    tool: RegisteredTool | undefined,
  ): Promise<Response> => {
    if (sessions !== undefined && (await isLegacyRequest(request, body))) return sessions.handle(request, body, auth);
    const carried = { authInfo: auth, parsedBody: body };
    if (call?.method === 'subscriptions/listen')
      return listening.handlerFor(auth.caller.principal).fetch(request, carried);
    return (tool?.isLong === true ? long : quick).fetch(request, carried);
  };

  const serveCall = async (c: HttpContext, body: unknown, call: JsonRpcCall, caller: Caller): Promise<Response> => {
    const name = call.params['name'];
    const tool = call.method === 'tools/call' && typeof name === 'string' ? TOOLS_BY_NAME.get(name) : undefined;
    const refused = (outcome: 'denied' | 'error', { code }: AppError): void => {
      const { principal, requestId } = caller;
      if (tool === undefined) return ports.onAccessDenied({ principal, requestId, asked: call.method });
      ports.onToolCall({ requestId, principal: principal.id, tool: tool.name, outcome, code, durationMs: 0 });
    };
    const refusal = callRefusal(call, tool, caller.principal, ports);
    if (refusal !== null) {
      refused('denied', refusal.error);
      const { error, scope } = refusal;
      const headers = scope === undefined ? {} : { 'www-authenticate': scopeChallenge(c, [scope]) };
      return jsonRpcErrorResponse(error, call.id, { headers });
    }
    const counted = tool?.name ?? toolOfMethod(call.method);
    const limited = counted === undefined ? null : await toolCallRefusal(c, ports, counted);
    if (limited !== null) return jsonRpcErrorResponse(limited, call.id);
    // Told now, while it can still be an HTTP status: a long tool answers as a stream from its first byte.
    const full = tool?.isLong === true ? ports.agentRefusal(caller.principal) : null;
    if (full !== null) {
      refused('error', full);
      return jsonRpcErrorResponse(full, call.id);
    }
    let prepared: PreparedCall | undefined;
    try {
      refuseLargeSubscription(call);
      prepared = await prepareCall(call, tool, caller, ports);
    } catch (error) {
      return jsonRpcErrorResponse(toAppError(error), call.id);
    }
    const auth = new CallerAuth(caller, prepared);
    c.set('followsItsCaller', call.method !== 'subscriptions/listen');
    const response = await serve(c.req.raw, body, auth, call, tool);
    if (auth.isPending) await settle(auth, response);
    return response;
  };

  /** A call that the SDK refused (bad header, wrong Accept) never took its record: close it. */
  const settle = async (auth: CallerAuth, response: Response): Promise<void> => {
    const abandon = async (): Promise<void> => {
      const left = auth.takePrepared();
      if (left !== undefined) await abandonCall(left, ports);
    };
    if (response.status !== 200) return abandon();
    // A 2025 answer streams at once; its handler runs in the microtasks before the next turn of the event loop.
    setImmediate(() => {
      abandon().catch((error: unknown) =>
        ports.logger.error({ err: error }, 'the outcome of a refused call was not recorded'),
      );
    });
  };

  /**
   * While it drains nobody new comes in, so what is here was sent before. It is answered, unless it would not end by itself;
   * runs of the agent are refused by their queue.
   */
  const refuseToBegin = (id: JsonRpcId): Response => {
    const error = new AppError('DRAINING', 'mem-agent is stopping', { hint: 'Try again in a few seconds' });
    return jsonRpcErrorResponse(error, id);
  };

  const answer = async (c: HttpContext, body: unknown, caller: Caller): Promise<Response> => {
    const call = parseJsonRpcCall(body);
    if (ports.isDraining() && call?.method === 'subscriptions/listen') return refuseToBegin(call.id);
    if (call !== undefined) return serveCall(c, body, call, caller);
    const cancelled = cancelledId(body);
    if (cancelled !== undefined) cancellations.cancel(caller, cancelled);
    return serve(c.req.raw, body, new CallerAuth(caller), undefined, undefined);
  };

  return {
    async handle(c) {
      const request = c.req.raw;
      const caller = callerOf(c);
      if (request.method !== 'POST') {
        if (sessions !== undefined && request.method === 'GET' && ports.isDraining()) return refuseToBegin(null);
        if (sessions !== undefined && (request.method === 'GET' || request.method === 'DELETE'))
          return withCode(await sessions.handle(request, undefined, new CallerAuth(caller)));
        const error = new AppError('UNSUPPORTED', 'This method is not served here', {
          hint: 'POST one JSON-RPC message',
        });
        const allow = sessions === undefined ? 'POST' : 'GET, POST, DELETE';
        const refusal = jsonRpcErrorResponse(error, null, { code: -32000, headers: { allow } });
        return new Response(refusal.body, { status: 405, headers: refusal.headers });
      }
      const parsed = parseBody(await request.text());
      if (parsed instanceof Response) return parsed;
      const response = await withCode(await answer(c, parsed.body, caller));
      ports.onMcpMessage({
        transport: caller.transport,
        method: methodOf(parsed.body),
        protocol: request.headers.get('mcp-protocol-version') ?? 'none',
        code: String(response.status),
      });
      return response;
    },
    notifyNotesChanged(paths, isListChanged = false, root = 'default') {
      const change = { root, paths, isListChanged };
      listening.notify(change);
      sessions?.notifyNotesChanged(change);
    },
    async endStreams() {
      sessions?.endStreams();
      await listening.close();
    },
    async close() {
      await Promise.all([quick.close(), long.close(), listening.close(), sessions?.close()]);
    },
  };
}

function methodOf(body: unknown): string {
  return isRecord(body) && typeof body['method'] === 'string' ? body['method'] : 'none';
}

function callerOf(c: HttpContext): Caller {
  return {
    principal: c.get('principal'),
    requestId: c.get('requestId'),
    transport: c.get('transport'),
    peer: `${c.get('clientAddress')} ${headerOf(c, 'user-agent') ?? ''}`,
    traceparent: headerOf(c, 'traceparent'),
  };
}

function parseBody(text: string): { body: unknown } | Response {
  if (isDeeperThan(text, MOST_LEVELS)) {
    const refusal = new AppError(
      'INVALID_INPUT',
      `The body must be one JSON-RPC message, nested at most ${MOST_LEVELS} levels deep`,
      {
        hint: 'No call of this server needs that; see tools/list',
      },
    );
    return jsonRpcErrorResponse(refusal, null, { code: -32600 });
  }
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    const refusal = new AppError('INVALID_INPUT', 'The body is not valid JSON', {
      hint: 'Send one JSON-RPC message',
      cause: error,
    });
    return jsonRpcErrorResponse(refusal, null, { code: -32700 });
  }
  if (!isRecord(body)) {
    const refusal = new AppError('INVALID_INPUT', 'The body must be one JSON-RPC message', {
      hint: 'Batches are not part of the protocol any more; send the messages one by one',
    });
    return jsonRpcErrorResponse(refusal, null, { code: -32600 });
  }
  return { body };
}

function cancelledId(body: unknown): JsonRpcId | undefined {
  if (!isRecord(body) || body['method'] !== 'notifications/cancelled' || !isRecord(body['params'])) return undefined;
  const id = body['params']['requestId'];
  return typeof id === 'string' || typeof id === 'number' ? id : undefined;
}
