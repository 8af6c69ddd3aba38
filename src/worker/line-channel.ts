// One connection that carries JSON lines, the same on either side of the worker's socket.
// Guarantees: no line above its bound, no peer that is silent or does not read is waited for, and the end is told once, with why.
import type { Socket } from 'node:net';
import { systemErrorCode } from '../lib/app-error.ts';
import { createLineSplitter } from '../lib/json-lines.ts';
import { MAX_LINE_BYTES } from './worker-protocol.ts';

const BEAT_MS = 5000;
/** Together longer than any pause of a busy but living process. */
const MAX_SILENT_BEATS = 4;
const CLOSE_MS = 1000;
const MAX_BACKLOG_BYTES = 4 * MAX_LINE_BYTES;

export interface LineChannelOptions {
  /** A parsed line. What it throws ends the channel, with its message as the reason. */
  onMessage(message: unknown): void;
  /** `code` is the system's when the connection could not be made or broke. */
  onClose(reason: string, code: string | undefined): void;
}

export interface LineChannel {
  /** Does nothing once the channel has ended. */
  send(message: object): void;
  /** What the peer has not read yet. */
  readonly backlogBytes: number;
  /** Sends what was given to `send`, then ends. */
  close(reason: string): void;
}

export function openLineChannel(socket: Socket, { onMessage, onClose }: LineChannelOptions): LineChannel {
  let reason: string | undefined;
  let code: string | undefined;
  let silentBeats = 0;
  let hasSent = false;
  const drop = (why: string): void => {
    reason ??= why;
    socket.destroy();
  };
  const splitter = createLineSplitter((line) => {
    if (reason === undefined) onMessage(JSON.parse(line));
  }, MAX_LINE_BYTES);
  const channel: LineChannel = {
    send(message) {
      if (reason !== undefined || socket.destroyed) return;
      hasSent = true;
      socket.write(`${JSON.stringify(message)}\n`);
      if (socket.writableLength > MAX_BACKLOG_BYTES) drop('it does not read');
    },
    get backlogBytes() {
      return socket.writableLength;
    },
    close(why) {
      if (reason !== undefined) return;
      reason = why;
      socket.destroySoon();
      // A peer that does not read what is left does not hold us.
      setTimeout(() => socket.destroy(), CLOSE_MS).unref();
    },
  };
  const beat = setInterval(() => {
    if (++silentBeats > MAX_SILENT_BEATS) drop('it is silent');
    else if (!hasSent) channel.send({ type: 'beat' });
    hasSent = false;
  }, BEAT_MS);
  socket.on('data', (chunk: Buffer) => {
    silentBeats = 0;
    try {
      splitter.push(chunk);
    } catch (error) {
      drop(
        error instanceof SyntaxError ? 'it sent what is no JSON' : error instanceof Error ? error.message : 'unknown',
      );
    }
  });
  socket.on('error', (error) => (code = systemErrorCode(error)));
  socket.once('close', () => {
    clearInterval(beat);
    onClose(reason ?? 'it has gone', code);
  });
  return channel;
}
