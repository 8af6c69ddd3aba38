// One daemon's connection, as the worker's process sees it: does what it asks, and ends what it leaves open.
// Guarantee: when the connection dies, its requests count as cancelled, its waits are given up and nobody follows the log for it.
import type { Socket } from 'node:net';
import { AppError, toAppError } from '../lib/app-error.ts';
import { openLineChannel, type LineChannel } from './line-channel.ts';
import {
  clientMessageSchema,
  helloSchema,
  MAX_TEXT_CHARS,
  otherVersion,
  WORKER_PROTOCOL,
  type CallMethod,
  type ClientMessage,
  type ServerMessage,
} from './worker-protocol.ts';
import type { Worker, WorkerLogLine } from './worker.ts';

const MAX_OPEN = 100_000;
/** A follower that reads too slowly loses lines; their numbers show it. */
const MAX_LOG_BACKLOG_BYTES = 1024 * 1024;

export interface WorkerSessionOptions {
  worker: Worker;
  /** What a daemon is told when it attaches. */
  greeting(): ServerMessage[];
  /** A wish was done: the new state is told to all before the answer to it. */
  onChanged(): void;
  onAttached(): void;
  /** `requestsEnded`: how many requests it left open. */
  onEnd(facts: { wasAttached: boolean; reason: string; requestsEnded: number }): void;
}

export class WorkerSession {
  readonly #options: WorkerSessionOptions;
  readonly #worker: Worker;
  readonly #channel: LineChannel;
  readonly #requests = new Map<number, ReturnType<Worker['beginRequest']>>();
  readonly #calls = new Map<number, AbortController>();
  #unfollow: (() => void) | undefined;
  #isAttached = false;

  constructor(socket: Socket, options: WorkerSessionOptions) {
    this.#options = options;
    this.#worker = options.worker;
    this.#channel = openLineChannel(socket, {
      onMessage: (message) => this.#receive(message),
      onClose: (reason) => this.#end(reason),
    });
  }

  /** Told only to daemons that have said hello. */
  send(message: ServerMessage): void {
    if (this.#isAttached) this.#channel.send(message);
  }

  close(): void {
    this.#channel.close('the worker process ends');
  }

  #receive(received: unknown): void {
    if (!this.#isAttached) return this.#attach(received);
    const parsed = clientMessageSchema.safeParse(received);
    if (!parsed.success) throw new Error('it sent a message that is none');
    this.#handle(parsed.data);
  }

  #attach(received: unknown): void {
    const hello = helloSchema.safeParse(received);
    if (!hello.success) throw new Error('it did not say hello');
    const { version } = hello.data;
    if (version !== WORKER_PROTOCOL) {
      const message = otherVersion('The worker process', version);
      this.#channel.send({ type: 'refused', message } satisfies ServerMessage);
      return this.#channel.close(message);
    }
    this.#isAttached = true;
    this.#channel.send({ type: 'hello', version: WORKER_PROTOCOL });
    for (const message of this.#options.greeting()) this.send(message);
    this.#options.onAttached();
  }

  #handle(message: ClientMessage): void {
    switch (message.type) {
      case 'begin':
        if (this.#requests.has(message.id) || this.#requests.size === MAX_OPEN) throw new Error('it began too much');
        this.#requests.set(message.id, this.#worker.beginRequest());
        return;
      case 'progress':
        for (const id of message.ids) this.#requests.get(id)?.progress();
        return;
      case 'end':
        this.#requests.get(message.id)?.end(message.outcome);
        this.#requests.delete(message.id);
        return;
      case 'follow':
        this.#unfollow?.();
        this.#unfollow = message.on ? this.#worker.followLogs((line) => this.#log(line)) : undefined;
        return;
      case 'cancel':
        this.#calls.get(message.id)?.abort();
        return;
      case 'logs':
        void this.#answer(message.id, async () => bounded(await this.#worker.logs(message.limit)));
        return;
      case 'call':
        void this.#answer(message.id, (signal) => this.#call(message.method, message.id, signal));
        return;
      case 'beat':
        return;
    }
  }

  async #call(method: CallMethod, id: number, signal: AbortSignal): Promise<unknown> {
    if (method === 'probe') return this.#worker.probe();
    if (method === 'wake')
      await this.#worker.wake(signal, (message) => this.send({ type: 'wakeProgress', id, message }));
    else await this.#worker[method]();
    this.#options.onChanged();
    return null;
  }

  async #answer(id: number, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    if (this.#calls.has(id) || this.#calls.size === MAX_OPEN) return this.#channel.close('it asked too much');
    const cancel = new AbortController();
    this.#calls.set(id, cancel);
    try {
      this.send({ type: 'result', id, value: await work(cancel.signal) });
    } catch (thrown) {
      const { code, message, hint, retryAfterS } = toAppError(thrown);
      this.send({
        type: 'error',
        id,
        code,
        message,
        ...(hint === undefined ? {} : { hint }),
        ...(retryAfterS === undefined ? {} : { retryAfterS }),
      });
    } finally {
      this.#calls.delete(id);
    }
  }

  #log(line: WorkerLogLine): void {
    if (this.#channel.backlogBytes < MAX_LOG_BACKLOG_BYTES) this.send({ type: 'log', line });
  }

  #end(reason: string): void {
    this.#unfollow?.();
    for (const call of this.#calls.values()) call.abort(new AppError('CANCELLED', 'The daemon has gone'));
    for (const request of this.#requests.values()) request.end('cancelled');
    const requestsEnded = this.#requests.size;
    this.#requests.clear();
    this.#options.onEnd({ wasAttached: this.#isAttached, reason, requestsEnded });
  }
}

/** The newest lines that fit into one message. */
function bounded(lines: readonly WorkerLogLine[]): readonly WorkerLogLine[] {
  let chars = 0;
  for (let index = lines.length - 1; index >= 0; index--) {
    chars += JSON.stringify(lines[index]).length;
    if (chars > MAX_TEXT_CHARS) return lines.slice(index + 1);
  }
  return lines;
}
