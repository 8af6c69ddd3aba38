// Bytes to lines: splits at LF only (readline would also split at U+2028, which JSON allows inside strings).
// Guarantees: a character that is cut by a chunk stays whole, blank lines are skipped, a last line without LF counts.

export type JsonObject = Record<string, unknown>;

export interface LineSplitter {
  push(chunk: Buffer): void;
  end(): void;
}

export function createLineSplitter(onLine: (line: string) => void): LineSplitter {
  let pending: Buffer[] = [];
  const flush = (last: Buffer): void => {
    const line = Buffer.concat([...pending, last])
      .toString('utf8')
      .trim();
    pending = [];
    if (line !== '') onLine(line);
  };
  return {
    push(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        flush(chunk.subarray(from, at));
        from = at + 1;
      }
      if (from < chunk.length) pending.push(chunk.subarray(from));
    },
    end: () => flush(Buffer.alloc(0)),
  };
}
