// A stream does not outlive what opened it: a key that was revoked, has expired or has other rights now, a token whose time is
// over, a session of the operator's page that was closed. Guarantees: no piece passes from then on, and the stream ends within a
// second (auth/caller-watch.ts): as streams do, or it breaks off where half of it would look like all.
import type { MiddlewareHandler } from 'hono';
import type { CallerWatch } from '../../auth/caller-watch.ts';
import type { HttpEnv } from '../env.ts';

const STREAM = /^(text\/event-stream|application\/x-ndjson)\b/;

export function endWithCaller(callers: CallerWatch): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    await next();
    if (c.get('followsItsCaller') === true) return;
    const { body, headers, status } = c.res;
    if (body === null || !STREAM.test(headers.get('content-type') ?? '')) return;
    const principal = c.get('principal');
    const isSignedIn = c.get('isSignedIn') ?? ((): boolean => true);
    const ended = endingStream(body, {
      follow: (isSo, onEnd) => callers.follow(isSo, onEnd),
      isSo: () => callers.standingOf(principal) === 'same' && isSignedIn(),
      finish: (controller) => {
        // An error of the body would be printed by the server as one of the program's.
        if (c.get('isWholeOrNothing') !== true) controller.close();
        else if (c.env.outgoing === undefined) controller.error(new Error('The caller may not have the rest'));
        else c.env.outgoing.destroy();
      },
    });
    c.res = new Response(ended, { status, headers });
  };
}

type Controller = ReadableStreamDefaultController<Uint8Array>;

interface Ending extends Pick<CallerWatch, 'follow'> {
  isSo(): boolean;
  finish(controller: Controller): void;
}

function endingStream(body: ReadableStream<Uint8Array>, { follow, isSo, finish }: Ending): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isOver = false;
  let stop = (): void => undefined;
  const over = (): void => {
    isOver = true;
    stop();
  };
  const end = (controller: Controller): void => {
    if (isOver) return;
    over();
    finish(controller);
    reader.cancel().catch(() => undefined); // It has failed already, and nobody reads on.
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = follow(isSo, () => end(controller));
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (isOver) return;
          if (done) {
            over();
            controller.close();
          } else if (isSo()) controller.enqueue(value);
          else end(controller);
        } catch (error) {
          over();
          throw error;
        }
      },
      cancel(reason) {
        over();
        return reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
