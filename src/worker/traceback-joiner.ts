// Keeps a Python traceback together as one line of the log, through the marks that vLLM puts before each of its lines.
// Guarantees: bounded, first and last lines kept; what does not belong to it is passed on in order; other lines cost one look.
import { isTracebackHead, parseLogLine } from './log-line.ts';
import type { ParsedLogLine } from './log-line.ts';

const FIRST_KEPT = 30;
const LAST_KEPT = 70;
const LONGEST_PART = 200;

/** A line as it came, or a traceback put together. */
export type JoinedLine = string | ParsedLogLine;

interface OpenTraceback {
  head: ParsedLogLine;
  parts: string[];
  leftOut: number;
}

export class TracebackJoiner {
  #open: OpenTraceback | null = null;

  /** What is complete now: nothing, the line, or a traceback and perhaps the line after it. */
  push(raw: string): JoinedLine[] {
    if (this.#open === null && !raw.includes('Traceback (most')) return [raw];
    const parsed = parseLogLine(raw);
    if (this.#open === null) {
      if (!isTracebackHead(parsed.text)) return [raw];
      this.#open = { head: parsed, parts: [parsed.text], leftOut: 0 };
      return [];
    }
    const { head } = this.#open;
    const isItsOwn = parsed.process === head.process && (!parsed.isMarked || parsed.source === head.source);
    if (!isItsOwn) return [...this.end(), ...this.push(raw)];
    if (/^$|^[\s|+]/.test(parsed.text) || isTracebackHead(parsed.text)) {
      this.#add(parsed.text);
      return [];
    }
    // The first line at the margin names the exception and ends it.
    this.#add(parsed.text);
    return this.end();
  }

  /** The one that is still open, as it is. */
  peek(): ParsedLogLine | null {
    return this.#open === null ? null : joined(this.#open);
  }

  /** Closes what is open. */
  end(): ParsedLogLine[] {
    const open = this.peek();
    this.#open = null;
    return open === null ? [] : [open];
  }

  #add(text: string): void {
    if (this.#open === null) return;
    const { parts } = this.#open;
    parts.push(text.slice(0, LONGEST_PART));
    if (parts.length <= FIRST_KEPT + LAST_KEPT) return;
    parts.splice(FIRST_KEPT, 1);
    this.#open.leftOut++;
  }
}

function joined({ head, parts, leftOut }: OpenTraceback): ParsedLogLine {
  const lines =
    leftOut === 0
      ? parts
      : [...parts.slice(0, FIRST_KEPT), `  … ${leftOut} lines left out …`, ...parts.slice(FIRST_KEPT)];
  return { ...head, level: 'error', text: lines.join('\n').trimEnd() };
}
