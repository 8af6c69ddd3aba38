// How an answer goes wrong: instead of it, in its middle, or with the whole process.
import { once } from 'node:events';
import type { Answering } from './chat-answer.ts';
import type { AnswerFaults } from './engine-faults.ts';
import { sendJson } from './engine-http.ts';

/** True when the fault took the place of the answer. */
export async function failWhole({ reply, response, dialect, signal }: Answering): Promise<boolean> {
  const { fault } = reply;
  if (typeof fault === 'object') {
    const retry: Record<string, string> =
      fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
    const body = dialect.error(fault.status, fault.message, fault.type ?? 'BadRequestError');
    sendJson(response, fault.status, body, { ...retry, ...fault.headers });
    return true;
  }
  switch (fault) {
    case 'hang':
      await untilGone(signal);
      return true;
    case 'reset':
      response.socket?.resetAndDestroy();
      return true;
    case 'garbage':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
      return true;
    case 'error-in-200':
      sendJson(response, 200, { error: { message: 'Provider is overloaded', code: 503 } });
      return true;
    default:
      return false;
  }
}

/** True when the stream is to be left as it now is. */
export async function failMidStream({ reply, response, dialect, faults, signal }: Answering): Promise<boolean> {
  switch (reply.fault) {
    case 'hang-mid-stream':
      await untilGone(signal);
      return true;
    case 'crash-mid-stream':
      setTimeout(() => crash(faults), 20);
      return true;
    case 'end-mid-stream':
      response.end();
      return true;
    case 'error-mid-stream':
      response.write(dialect.streamError());
      response.end('data: [DONE]\n\n');
      return true;
    case 'garbage-mid-stream':
      response.write('data: {"choices":[{"delta":{"conte\n\n');
      response.end('data: [DONE]\n\n');
      return true;
    default:
      return false;
  }
}

/** The whole process dies, without a word. */
export function crash({ crashWith = 'SIGKILL' }: AnswerFaults): void {
  if (typeof crashWith === 'number') process.exit(crashWith);
  process.kill(process.pid, crashWith);
}

async function untilGone(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
