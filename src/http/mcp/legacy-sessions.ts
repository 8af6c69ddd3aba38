// Stateful 2025 sessions, off unless `http.legacy_sessions` is set. A session belongs to the key that opened it: with any
// other key, or unknown, it is 404. Idle ones end, their number is bounded and shared fairly among keys, and all end with their key
// and with the daemon. News go by what the caller that opened the session's stream may read, and only while it may.
import { randomUUID } from 'node:crypto';
import {
  isInitializeRequest,
  WebStandardStreamableHTTPServerTransport,
  type Server,
} from '@modelcontextprotocol/server';
import type { CallerWatch } from '../../auth/caller-watch.ts';
import type { Principal } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';
import { createPathScope } from '../../memory/path-scope.ts';
import { jsonRpcErrorResponse } from '../errors.ts';
import { toolRefusal } from '../tool-refusal.ts';
import type { CallerAuth } from './caller.ts';
import type { BuildMcpServer } from './mcp-server.ts';
import { audibleChange, type NoteChange } from './note-subscriptions.ts';
import { uriOfPath } from './note-uri.ts';

export interface LegacySessionsOptions {
  /** Default 256. */
  maxSessions?: number;
  /** A session without a request for so long ends, open stream or not. Default 30 minutes. */
  idleMs?: number;
}

export interface LegacySessionsPorts {
  clock: Clock;
  callers: CallerWatch;
}

interface Session {
  principalId: string;
  /** As it was when it opened the stream for news. */
  listener?: Principal;
  stopFollowing(): void;
  transport: WebStandardStreamableHTTPServerTransport;
  server: Server;
  subscriptions: Set<string>;
  lastUsedMs: number;
}

export interface LegacySessions {
  handle(request: Request, body: unknown, auth: CallerAuth): Promise<Response>;
  notifyNotesChanged(change: NoteChange): void;
  /** Ends the idle streams, so that a drain waits for calls only. */
  endStreams(): void;
  readonly size: number;
  close(): Promise<void>;
}

export function createLegacySessions(
  build: BuildMcpServer,
  { clock, callers }: LegacySessionsPorts,
  onError: (error: Error) => void,
  options: LegacySessionsOptions = {},
): LegacySessions {
  const { maxSessions = 256, idleMs = 30 * 60_000 } = options;
  const sessions = new Map<string, Session>();

  const end = async (id: string, session: Session): Promise<void> => {
    forget(id);
    await session.server.close();
  };
  const forget = (id: string): void => {
    sessions.get(id)?.stopFollowing();
    sessions.delete(id);
  };
  /** Of who has most, and at least two more than the newcomer would have without: the one longest unused. */
  const makeRoomFor = async (newcomer: string): Promise<void> => {
    const byPrincipal = Map.groupBy(sessions, ([, { principalId }]) => principalId);
    const [most] = [...byPrincipal.values()].toSorted((one, other) => other.length - one.length);
    if (most === undefined || most.length < (byPrincipal.get(newcomer)?.length ?? 0) + 2) return;
    const [longest] = most.toSorted(([, one], [, other]) => one.lastUsedMs - other.lastUsedMs);
    if (longest !== undefined) await end(...longest);
  };
  const reaper = setInterval(
    () => {
      const limitMs = clock.monotonicMs() - idleMs;
      for (const [id, session] of sessions) if (session.lastUsedMs < limitMs) end(id, session).catch(onError);
    },
    Math.min(idleMs, 60_000),
  );
  reaper.unref();

  const open = async (request: Request, body: unknown, auth: CallerAuth): Promise<Response> => {
    if (sessions.size >= maxSessions) await makeRoomFor(auth.clientId);
    if (sessions.size >= maxSessions) {
      const error = new AppError('QUEUE_FULL', 'Too many MCP sessions are open', {
        hint: 'Close a client, or try again later',
        retryAfterS: 30,
      });
      return jsonRpcErrorResponse(error, null);
    }
    const subscriptions = new Set<string>();
    const server = build('session', subscriptions);
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => {
        const { principal } = auth.caller;
        const session: Session = {
          principalId: principal.id,
          transport,
          server,
          subscriptions,
          lastUsedMs: clock.monotonicMs(),
          // The next token of the same caller may go on with it; what a key held goes with the key.
          stopFollowing: callers.follow(
            () => principal.kind === 'jwt' || callers.standingOf(principal) !== 'ended',
            () => void end(id, session).catch(onError),
          ),
        };
        sessions.set(id, session);
      },
      onsessionclosed: forget,
    });
    await server.connect(transport);
    return transport.handleRequest(request, { parsedBody: body, authInfo: auth });
  };

  return {
    async handle(request, body, auth) {
      const id = request.headers.get('mcp-session-id');
      if (id === null) {
        if (isInitializeRequest(body)) return open(request, body, auth);
        return plainError(400, -32000, 'This server keeps sessions: send initialize first, then its Mcp-Session-Id');
      }
      const session = sessions.get(id);
      // 404 tells a client to begin anew; 401 would make it ask its user for a key.
      if (session === undefined || session.principalId !== auth.clientId)
        return plainError(404, -32001, 'Session not found');
      session.lastUsedMs = clock.monotonicMs();
      const response = await session.transport.handleRequest(request, {
        ...(body !== undefined && { parsedBody: body }),
        authInfo: auth,
      });
      if (request.method === 'GET' && response.ok) session.listener = auth.caller.principal;
      return response;
    },
    notifyNotesChanged(change) {
      for (const { server, subscriptions, listener } of sessions.values()) {
        if (listener === undefined || !mayHear(listener) || callers.standingOf(listener) !== 'same') continue;
        const { root, policy = {} } = listener;
        const heard = audibleChange(change, root, createPathScope({ readPaths: policy.readPaths }));
        for (const uri of (heard?.paths ?? []).map(uriOfPath))
          if (subscriptions.has(uri)) server.sendResourceUpdated({ uri }).catch(onError);
        if (heard?.isListChanged === true) server.sendResourceListChanged().catch(onError);
      }
    },
    endStreams() {
      for (const { transport } of sessions.values()) transport.closeStandaloneSSEStream();
    },
    get size() {
      return sessions.size;
    },
    async close() {
      clearInterval(reaper);
      await Promise.all([...sessions].map(([id, session]) => end(id, session)));
    },
  };
}

/** As a subscription of 2026-07-28 is judged. */
function mayHear(principal: Principal): boolean {
  return principal.scopes.has('memory:read') && toolRefusal(principal, 'fetch') === null;
}

function plainError(status: number, code: number, message: string): Response {
  return Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status });
}
