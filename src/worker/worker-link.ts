// One connection to a worker in a process of its own, as the daemon sees it: from hello to its end, whoever ends it.
// Guarantee: every call is settled, also when the connection dies under it.
import { connect } from 'node:net';
import type { z } from 'zod';
import { AppError, isErrorCode } from '../lib/app-error.ts';
import { openLineChannel } from './line-channel.ts';
import type { WorkerEvent } from './worker-event.ts';
import {
  helloSchema,
  otherVersion,
  serverMessageSchema,
  WORKER_PROTOCOL,
  type CallMethod,
  type ClientMessage,
  type ServerMessage,
  type StatusMessage,
} from './worker-protocol.ts';
import type { WorkerFailure, WorkerLogLine } from './worker.ts';

export interface WorkerLinkOptions {
  socketPath: string;
  /** The first one says that the worker is attached: everything else is known by then. */
  onStatus(message: StatusMessage): void;
  onFailure(failure: WorkerFailure | null): void;
  onMetrics(text: string): void;
  onLog(line: WorkerLogLine): void;
  onEvent(event: WorkerEvent): void;
  /** Called once, with why for a person. */
  onClose(reason: string): void;
}

export interface WorkerLink {
  /** Throws what the worker threw, or WORKER_FAILED when the connection died. */
  call<T>(method: CallMethod, value: z.ZodType<T>, wait?: CallWait): Promise<T>;
  logs<T>(limit: number, value: z.ZodType<T>): Promise<T>;
  /** Not answered, not waited for. */
  notify(message: ClientMessage): void;
  close(): void;
}

export interface CallWait {
  signal: AbortSignal;
  onProgress(message: string): void;
}

interface Call {
  settle: PromiseWithResolvers<unknown>;
  wait: CallWait | undefined;
}

export function openWorkerLink(options: WorkerLinkOptions): WorkerLink {
  const { socketPath } = options;
  const calls = new Map<number, Call>();
  let lastId = 0;
  let hasSaidHello = false;
  let refusal: string | undefined;

  const socket = connect(socketPath);
  const channel = openLineChannel(socket, {
    onMessage: (message) => (hasSaidHello ? receive(message) : greet(message)),
    onClose(reason, code) {
      const why = refusal ?? closedBecause(socketPath, reason, code, hasSaidHello);
      for (const call of calls.values()) call.settle.reject(linkLost(why));
      calls.clear();
      options.onClose(why);
    },
  });
  channel.send({ type: 'hello', version: WORKER_PROTOCOL });

  function greet(message: unknown): void {
    const hello = helloSchema.safeParse(message);
    if (!hello.success) return receive(message);
    const { version } = hello.data;
    if (version !== WORKER_PROTOCOL) return refuse(otherVersion('This mem-agent', version));
    hasSaidHello = true;
  }

  function refuse(message: string): void {
    refusal = message;
    channel.close(message);
  }

  function receive(received: unknown): void {
    const parsed = serverMessageSchema.safeParse(received);
    if (!parsed.success || (!hasSaidHello && parsed.data.type !== 'refused'))
      throw new Error('it does not speak the worker protocol');
    handle(parsed.data);
  }

  function handle(message: ServerMessage): void {
    switch (message.type) {
      case 'status':
        return options.onStatus(message);
      case 'failure':
        return options.onFailure(message.failure);
      case 'metrics':
        return options.onMetrics(message.text);
      case 'log':
        return options.onLog(message.line);
      case 'event':
        return options.onEvent(message.event);
      case 'wakeProgress':
        return calls.get(message.id)?.wait?.onProgress(message.message);
      case 'result':
        return take(message.id)?.settle.resolve(message.value);
      case 'error':
        return take(message.id)?.settle.reject(remoteError(message));
      case 'refused':
        return refuse(message.message);
      case 'beat':
        return;
    }
  }

  function take(id: number): Call | undefined {
    const call = calls.get(id);
    calls.delete(id);
    return call;
  }

  async function ask<T>(message: (id: number) => ClientMessage, value: z.ZodType<T>, wait?: CallWait): Promise<T> {
    const id = ++lastId;
    const settle = Promise.withResolvers<unknown>();
    const onAbort = (): void => channel.send({ type: 'cancel', id } satisfies ClientMessage);
    calls.set(id, { settle, wait });
    channel.send(message(id));
    if (wait?.signal.aborted === true) onAbort();
    wait?.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const parsed = value.safeParse(await settle.promise);
      if (parsed.success) return parsed.data;
      throw new AppError('WORKER_FAILED', 'The worker process gave an answer that is none', {
        hint: 'Restart the daemon and mem-agent worker from the same installation',
      });
    } finally {
      wait?.signal.removeEventListener('abort', onAbort);
    }
  }

  return {
    call: (method, value, wait) => ask((id) => ({ type: 'call', id, method }), value, wait),
    logs: (limit, value) => ask((id) => ({ type: 'logs', id, limit }), value),
    notify: (message) => channel.send(message),
    close: () => refuse('this side has closed the connection'),
  };
}

function nobodyAnswers(socketPath: string): string {
  return `no worker process answers on ${socketPath}; start it with mem-agent worker serve`;
}

function closedBecause(socketPath: string, reason: string, code: string | undefined, wasThere: boolean): string {
  if (code === 'EACCES' || code === 'EPERM')
    return `the worker process on ${socketPath} belongs to another user; run it as the user of the daemon`;
  if (code !== undefined || (wasThere && reason === 'it has gone')) return nobodyAnswers(socketPath);
  return `the worker process on ${socketPath} can't be used: ${reason}; restart it`;
}

function linkLost(reason: string): AppError {
  return new AppError('WORKER_FAILED', `The worker process was lost: ${reason}`, {
    hint: 'Look at it: mem-agent worker status',
  });
}

function remoteError({ code, message, hint, retryAfterS }: Extract<ServerMessage, { type: 'error' }>): AppError {
  return new AppError(isErrorCode(code) ? code : 'WORKER_FAILED', message, {
    ...(hint === undefined ? {} : { hint }),
    ...(retryAfterS === undefined ? {} : { retryAfterS }),
  });
}
