// Bytes to lines: splits at LF only (readline would also split at U+2028, which JSON allows inside strings).
// Guarantees: a character that is cut by a chunk stays whole, blank lines are skipped, a last line without LF counts, and no
// more than the longest line is ever held.
import { AppError } from './app-error.ts';

export type JsonObject = Record<string, unknown>;

export interface LineSplitter {
  /** Throws TOO_LARGE when a line is longer than allowed; nothing more can be read then. */
  push(chunk: Buffer): void;
  end(): void;
}

export function createLineSplitter(onLine: (line: string) => void, maxLineBytes = Infinity): LineSplitter {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const check = (moreBytes: number): void => {
    if (pendingBytes + moreBytes > maxLineBytes)
      throw new AppError('TOO_LARGE', `A line is longer than ${maxLineBytes} bytes`);
  };
  const flush = (last: Buffer): void => {
    check(last.length);
    const line = Buffer.concat([...pending, last])
      .toString('utf8')
      .trim();
    pending = [];
    pendingBytes = 0;
    if (line !== '') onLine(line);
  };
  return {
    push(chunk) {
      let from = 0;
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
        flush(chunk.subarray(from, at));
        from = at + 1;
      }
      const rest = chunk.subarray(from);
      check(rest.length);
      if (rest.length > 0) pending.push(rest);
      pendingBytes += rest.length;
    },
    end: () => flush(Buffer.alloc(0)),
  };
}
