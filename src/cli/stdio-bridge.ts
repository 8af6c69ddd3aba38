// JSON-RPC lines of a client <-> POST /mcp of the daemon; knows nothing of processes, so it can be tested with a function.
// Guarantees: each request gets exactly one answer or is cancelled; what comes out is one JSON message a line, nothing else.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { toAppError } from '../lib/app-error.ts';
import type { JsonObject } from '../lib/json-lines.ts';
import { mcpHeaders } from './mcp-headers.ts';

type Id = string | number;

export interface StdioBridgeOptions {
  /** Sends one message to the daemon, wherever it is by now; throws AppError when there is none. Only tool calls may not be repeated. */
  post(body: string, headers: Record<string, string>, signal: AbortSignal, isRepeatable: boolean): Promise<Response>;
  /** One message, without line end. */
  write(line: string): void;
}

export interface StdioBridge {
  handleLine(line: string): void;
  /** Resolves when every request that expects an answer soon has it; open subscriptions do not count. */
  settled(): Promise<void>;
  /** Ends what is in flight; nothing is written afterwards. */
  close(): void;
}

interface InFlight {
  abort: AbortController;
  done: Promise<void>;
  isSubscription: boolean;
}

export function createStdioBridge(options: StdioBridgeOptions): StdioBridge {
  const inFlight = new Map<Id, InFlight>();
  const others = new Set<Promise<void>>();
  const closing = new AbortController();
  let protocolVersion: string | undefined;
  let session: { id: string; initialize: string } | undefined;

  const write = (message: unknown): void => {
    if (!closing.signal.aborted) options.write(JSON.stringify(message));
  };

  async function post(message: JsonObject, signal: AbortSignal): Promise<Response> {
    const body = JSON.stringify(message);
    const isRepeatable = message['method'] !== 'tools/call';
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...mcpHeaders(message, protocolVersion),
    };
    if (message['method'] === 'initialize') {
      const response = await options.post(body, headers, signal, isRepeatable);
      const sessionId = response.headers.get('mcp-session-id');
      session = sessionId === null ? undefined : { id: sessionId, initialize: body };
      return response;
    }
    if (session === undefined) return options.post(body, headers, signal, isRepeatable);
    const response = await options.post(body, { ...headers, 'mcp-session-id': session.id }, signal, isRepeatable);
    if (response.status !== 404) return response;
    // The daemon was started again and has forgotten the session; the client cannot know, so it is opened again here.
    await response.body?.cancel();
    session = await reopenSession(session.initialize, signal);
    return options.post(
      body,
      session === undefined ? headers : { ...headers, 'mcp-session-id': session.id },
      signal,
      isRepeatable,
    );
  }

  async function reopenSession(initialize: string, signal: AbortSignal): Promise<typeof session> {
    const response = await options.post(
      initialize,
      { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      signal,
      true,
    );
    await response.body?.cancel();
    const id = response.headers.get('mcp-session-id');
    return id === null ? undefined : { id, initialize };
  }

  async function request(id: Id, message: JsonObject, signal: AbortSignal): Promise<void> {
    let isAnswered = false;
    const relay = (received: unknown): void => {
      const answer = adoptId(received, id);
      if (isObject(answer) && answer['id'] === id && !('method' in answer)) {
        isAnswered = true;
        if (message['method'] === 'initialize') protocolVersion = versionOf(answer) ?? protocolVersion;
      }
      write(answer);
    };
    try {
      const response = await post(message, signal);
      await readMessages(response, relay);
      if (!isAnswered && !signal.aborted)
        write(failure(id, -32603, `mem-agent gave no answer (HTTP ${response.status})`));
    } catch (error) {
      if (signal.aborted || isAnswered) return;
      const appError = toAppError(error);
      const text =
        appError.code === 'INTERNAL'
          ? 'The connection to mem-agent was lost; send the request again'
          : appError.userMessage;
      write(failure(id, -32603, text, appError.code));
    }
  }

  async function notify(message: JsonObject): Promise<void> {
    try {
      const response = await post(message, closing.signal);
      await response.body?.cancel();
    } catch (error) {
      // A notification has no answer in which this could be said; the next request will meet the same trouble and say it.
      if (error instanceof TypeError && error.cause === undefined) throw error;
    }
  }

  function startRequest(id: Id, message: JsonObject): void {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, closing.signal]);
    const done = request(id, message, signal).finally(() => {
      if (inFlight.get(id)?.abort === abort) inFlight.delete(id);
    });
    inFlight.set(id, { abort, done, isSubscription: message['method'] === 'subscriptions/listen' });
  }

  return {
    handleLine(line) {
      const message = parse(line);
      if (message === undefined)
        return write(failure(null, -32700, 'The line is not JSON; send one JSON-RPC message a line'));
      if (!isObject(message))
        return write(failure(null, -32600, 'Batches are not supported; send one JSON-RPC message a line'));
      const { id, method } = message;
      if (typeof method === 'string' && (typeof id === 'string' || typeof id === 'number'))
        return startRequest(id, message);
      const sent = notify(message);
      others.add(sent);
      void sent.finally(() => others.delete(sent));
      if (method === 'notifications/cancelled') {
        const target = isObject(message['params']) ? message['params']['requestId'] : undefined;
        if (typeof target === 'string' || typeof target === 'number') inFlight.get(target)?.abort.abort();
      }
    },
    async settled() {
      await Promise.allSettled([
        ...others,
        ...[...inFlight.values()].filter((entry) => !entry.isSubscription).map((entry) => entry.done),
      ]);
    },
    close: () => closing.abort(),
  };
}

async function readMessages(response: Response, relay: (message: unknown) => void): Promise<void> {
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream') && response.body !== null) {
    const events = response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream());
    for await (const { data } of events) {
      const message = parse(data);
      if (message !== undefined) relay(message);
    }
    return;
  }
  const message = parse(await response.text());
  if (isObject(message) && message['jsonrpc'] === '2.0') relay(message);
}

/** An error that was found before the request was read has no id; the client waits for one with the id it sent. */
function adoptId(message: unknown, id: Id): unknown {
  if (!isObject(message) || !('error' in message) || (message['id'] ?? null) !== null) return message;
  return { ...message, id };
}

function versionOf(answer: JsonObject): string | undefined {
  const result = answer['result'];
  const version = isObject(result) ? result['protocolVersion'] : undefined;
  return typeof version === 'string' ? version : undefined;
}

function failure(id: Id | null, code: number, message: string, reason?: string): JsonObject {
  return { jsonrpc: '2.0', id, error: { code, message, ...(reason === undefined ? {} : { data: { code: reason } }) } };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
