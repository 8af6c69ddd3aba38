// Rows as NDJSON, pulled by the reader, so that an export of any size holds one chunk in memory.

const CHUNK_CHARS = 64 * 1024;

/** `cancelled`: the reader went before the last rows. */
export type ExportEnd = 'ok' | 'cancelled' | 'error';

/** `onEnd` is awaited once; when all is well before the last rows leave. */
export function ndjsonResponse(rows: Iterable<object>, onEnd?: (end: ExportEnd) => Promise<void>): Response {
  const iterator = rows[Symbol.iterator]();
  const encoder = new TextEncoder();
  let hasEnded = false;
  const end = async (how: ExportEnd): Promise<void> => {
    if (hasEnded) return;
    hasEnded = true;
    await onEnd?.(how);
  };
  const fill = (): { chunk: string; isLast: boolean } => {
    let chunk = '';
    while (chunk.length < CHUNK_CHARS) {
      const next = iterator.next();
      if (next.done === true) return { chunk, isLast: true };
      chunk += `${JSON.stringify(next.value)}\n`;
    }
    return { chunk, isLast: false };
  };
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      let filled: ReturnType<typeof fill>;
      try {
        filled = fill();
      } catch (error) {
        await end('error');
        throw error;
      }
      if (filled.isLast) await end('ok');
      if (filled.chunk !== '') controller.enqueue(encoder.encode(filled.chunk));
      if (filled.isLast) controller.close();
    },
    async cancel() {
      iterator.return?.();
      await end('cancelled');
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
}
