// A stream that a session opened does not outlive it: with the next piece after a sign-out or a revoked key it ends.
import type { HttpContext } from '../env.ts';

const STREAM = /^(text\/event-stream|application\/x-ndjson)\b/;

export function endWithSession(c: HttpContext, isAlive: () => boolean): void {
  const { body, headers, status } = c.res;
  if (body === null || !STREAM.test(headers.get('content-type') ?? '')) return;
  const guard = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      if (isAlive()) controller.enqueue(chunk);
      else controller.terminate();
    },
  });
  c.res = new Response(body.pipeThrough(guard), { status, headers });
}
