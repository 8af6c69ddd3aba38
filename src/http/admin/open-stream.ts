// A response of JSON lines or server-sent events that stays open: until its client goes, the daemon drains, or it is cancelled.
// Guarantees: it ends once, whoever ends it, never holds up a drain, and holds no more lines than MAX_LINES for a slow reader.

/** A blank line now and then, so that a half-dead connection is noticed. */
const BEAT_MS = 15_000;
const MAX_LINES = 1000;

/** With `event-stream` a written value is `{event, data}`. */
type StreamFormat = 'ndjson' | 'event-stream';

export interface OpenStreamOptions {
  /** Default `ndjson`. */
  format?: StreamFormat;
  /** Aborted when the client goes. */
  gone: AbortSignal;
  /** Aborted when the daemon drains. */
  closing: AbortSignal;
  /** Begins to write; the result is called once at the end. A line is dropped, and false returned, while too many wait. */
  attach(write: (value: unknown) => boolean): () => void;
}

export function openStream({ format = 'ndjson', gone, closing, attach }: OpenStreamOptions): Response {
  const { contentType, beat: beatText, render } = FORMATS[format];
  const encoder = new TextEncoder();
  let end = (): void => undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        let ended = false;
        const writeText = (text: string): boolean => {
          if (ended || (controller.desiredSize ?? 0) <= 0) return false;
          controller.enqueue(encoder.encode(text));
          return true;
        };
        const detach = attach((value) => writeText(render(value)));
        const beat = setInterval(() => writeText(beatText), BEAT_MS);
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
  return new Response(body, { headers: { 'content-type': contentType, 'cache-control': 'no-store' } });
}

const FORMATS: Record<StreamFormat, { contentType: string; beat: string; render(value: unknown): string }> = {
  ndjson: { contentType: 'application/x-ndjson', beat: '\n', render: (value) => `${JSON.stringify(value)}\n` },
  'event-stream': { contentType: 'text/event-stream', beat: ':\n\n', render: renderEvent },
};

function renderEvent(value: unknown): string {
  const { event = 'message', data } = value as { event?: string; data: unknown };
  // JSON has no line breaks, so that one data line holds it.
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
