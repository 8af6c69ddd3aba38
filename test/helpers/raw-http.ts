// HTTP by hand over a socket, for what no client library would send or leave unsent.
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  /** 0 when nothing came. */
  status: number;
  text: string;
  durationMs: number;
}

export interface RawOptions {
  /** Where the connection comes from: 127.0.0.2 is another peer than 127.0.0.1. */
  localAddress?: string;
  timeoutMs?: number;
}

export function openSocket(port: number, localAddress = '127.0.0.1'): Socket {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => undefined);
  return socket;
}

/** Sends the text and keeps everything that comes until the other side closes. */
export function sendRaw(port: number, text: string, options: RawOptions = {}): Promise<RawAnswer> {
  const startedMs = performance.now();
  const socket = openSocket(port, options.localAddress);
  socket.setTimeout(options.timeoutMs ?? 20_000, () => socket.destroy());
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  return new Promise((resolve) => {
    socket.once('close', () =>
      resolve({
        status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1] ?? 0),
        text: answer,
        durationMs: performance.now() - startedMs,
      }),
    );
  });
}

/** The problem in an answer, as far as it is one. */
export function problemIn(answer: string): { code?: string; hint?: string } {
  const start = answer.indexOf('{');
  if (start === -1) return {};
  const end = answer.lastIndexOf('}');
  const body = JSON.parse(answer.slice(start, end + 1)) as { code?: string; hint?: string };
  return { ...(body.code !== undefined && { code: body.code }), ...(body.hint !== undefined && { hint: body.hint }) };
}
