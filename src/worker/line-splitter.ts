// Turns the pieces of a stream into lines. A bar that redraws itself with carriage returns is one line that changes.
// Guarantees: characters and line ends split between pieces are put together, and a line without an end stays bounded.
import { StringDecoder } from 'node:string_decoder';

export interface SplitLine {
  text: string;
  /** Ended by a carriage return: it will be drawn again. */
  isRedrawn: boolean;
}

export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #longest: number;
  #open = '';
  /** The last piece ended in a carriage return: half a line end, or a redraw. */
  #holdsReturn = false;

  constructor(longest: number) {
    this.#longest = longest;
  }

  /** The lines that this piece ends. */
  *split(piece: Buffer | string): Generator<SplitLine> {
    let text = typeof piece === 'string' ? piece : this.#decoder.write(piece);
    if (text === '') return;
    if (this.#holdsReturn) text = `\r${text}`;
    this.#holdsReturn = text.endsWith('\r');
    if (this.#holdsReturn) text = text.slice(0, -1);
    const hasReturns = text.includes('\r');
    for (let from = 0; ;) {
      const feed = text.indexOf('\n', from);
      let line = text.slice(from, feed === -1 ? undefined : feed);
      if (hasReturns && line.includes('\r')) {
        const drawings = (feed === -1 ? line : line.replace(/\r$/, '')).split('\r');
        line = drawings.pop() ?? '';
        for (const drawing of drawings) yield { text: this.#take(drawing), isRedrawn: true };
      }
      if (feed === -1) return this.#keep(line);
      yield { text: this.#take(line), isRedrawn: false };
      from = feed + 1;
    }
  }

  /** What was left without an end; null when nothing was. */
  end(): SplitLine | null {
    const text = this.#take(this.#decoder.end());
    this.#holdsReturn = false;
    return text === '' ? null : { text, isRedrawn: false };
  }

  #keep(text: string): void {
    const room = this.#longest - this.#open.length;
    if (room > 0) this.#open += text.slice(0, room);
  }

  #take(text: string): string {
    if (this.#open === '') return text.length > this.#longest ? text.slice(0, this.#longest) : text;
    this.#keep(text);
    const whole = this.#open;
    this.#open = '';
    return whole;
  }
}
