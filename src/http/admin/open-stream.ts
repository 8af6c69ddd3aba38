// A response of JSON lines that stays open: until its client goes, the daemon drains, or it is cancelled.
// Guarantees: it ends once, whoever ends it, never holds up a drain, and holds no more lines than MAX_LINES for a slow reader.

/** A blank line now and then, so that a half-dead connection is noticed. */
const BEAT_MS = 15_000;
const MAX_LINES = 1000;

export interface OpenStreamOptions {
  /** Aborted when the client goes. */
  gone: AbortSignal;
  /** Aborted when the daemon drains. */
  closing: AbortSignal;
  /** Begins to write; the result is called once at the end. A line is dropped, and false returned, while too many wait. */
  attach(write: (value: unknown) => boolean): () => void;
}

export function openStream({ gone, closing, attach }: OpenStreamOptions): Response {
  const encoder = new TextEncoder();
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let ended = false;
        const writeLine = (line: string): boolean => {
          if (ended || (controller.desiredSize ?? 0) <= 0) return false;
          controller.enqueue(encoder.encode(`${line}\n`));
          return true;
        };
        const detach = attach((value) => writeLine(JSON.stringify(value)));
        const beat = setInterval(() => writeLine(''), BEAT_MS);
        end = () => {
          if (ended) return;
          ended = true;
          clearInterval(beat);
          gone.removeEventListener('abort', close);
          closing.removeEventListener('abort', close);
          detach();
        };
        const close = (): void => {
          end();
          controller.close();
        };
        if (gone.aborted || closing.aborted) return close();
        gone.addEventListener('abort', close);
        closing.addEventListener('abort', close);
      },
      cancel() {
        end();
      },
    },
    { highWaterMark: MAX_LINES },
  );
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' } });
}
