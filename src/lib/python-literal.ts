// Reads the text of Python literals (dict, list, tuple, set, str, numbers, bool, None) as data. Nothing is evaluated;
// anything that is not a plain literal is refused. The prefix reader gives what could be read before the damage.
import { AppError } from './app-error.ts';

export type PythonValue = string | number | bigint | boolean | null | PythonValue[] | PythonDict;
/** Keys as strings; no prototype. */
export interface PythonDict {
  [key: string]: PythonValue;
}

export interface PythonPrefix {
  value: PythonValue;
  /** Offset of the first character that was not read. */
  end: number;
  /** False when the literal is cut off or damaged; `value` then holds what came before. */
  complete: boolean;
}

const MAX_DEPTH = 60;
const CONSTANTS: ReadonlyMap<string, PythonValue> = new Map<string, PythonValue>([
  ['True', true],
  ['False', false],
  ['None', null],
  ['inf', Infinity],
  ['nan', Number.NaN],
]);
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\u0007',
  b: '\b',
  f: '\f',
  v: '\v',
  '\n': '',
};

/** The whole text must be one literal. Errors: INVALID_INPUT. */
export function parsePythonLiteral(text: string): PythonValue {
  const prefix = parsePythonPrefix(text, 0);
  if (!prefix.complete || text.slice(prefix.end).trim() !== '')
    throw new AppError('INVALID_INPUT', `Not a Python literal (damaged near character ${prefix.end})`, {
      hint: 'Give one dict, list, tuple, string, number, True, False or None',
    });
  return prefix.value;
}

/** Reads one literal from `offset` on and never throws. */
export function parsePythonPrefix(text: string, offset: number): PythonPrefix {
  const reader = new LiteralReader(text, offset);
  const value = reader.readValue(0);
  return { value: value ?? null, end: reader.position, complete: !reader.damaged };
}

export function isPythonDict(value: PythonValue | undefined): value is PythonDict {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

class LiteralReader {
  position: number;
  damaged = false;
  readonly #text: string;

  constructor(text: string, offset: number) {
    this.#text = text;
    this.position = offset;
  }

  readValue(depth: number): PythonValue | undefined {
    this.#skipSpace();
    const character = this.#text[this.position];
    if (character === undefined || depth > MAX_DEPTH) return this.#fail();
    if (character === '{') return this.#readBraces(depth);
    if (character === '[') return this.#readItems(']', depth);
    if (character === '(') return this.#readParentheses(depth);
    if (character === "'" || character === '"') return this.#readString();
    return this.#readWord();
  }

  #fail(): undefined {
    this.damaged = true;
    return undefined;
  }

  #skipSpace(): void {
    while (/\s/.test(this.#text[this.position] ?? '')) this.position++;
  }

  #readItems(close: string, depth: number): PythonValue[] {
    const items: PythonValue[] = [];
    this.position++;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.position] === close) {
        this.position++;
        return items;
      }
      const item = this.readValue(depth + 1);
      if (item !== undefined) items.push(item);
      if (this.damaged || !this.#readComma(close)) return items;
    }
  }

  #readParentheses(depth: number): PythonValue {
    const start = this.position;
    const items = this.#readItems(')', depth);
    const [only] = items;
    if (this.damaged || items.length !== 1 || only === undefined) return items;
    // `(x)` is x, `(x,)` is a tuple.
    return /,\s*\)$/.test(this.#text.slice(start, this.position)) ? items : only;
  }

  #readBraces(depth: number): PythonValue {
    const dict: PythonDict = Object.create(null);
    const set: PythonValue[] = [];
    this.position++;
    for (;;) {
      this.#skipSpace();
      if (this.#text[this.position] === '}') {
        this.position++;
        return set.length > 0 ? set : dict;
      }
      const key = this.readValue(depth + 1);
      if (this.damaged || key === undefined) return dict;
      this.#skipSpace();
      if (this.#text[this.position] === ':') {
        this.position++;
        const value = this.readValue(depth + 1);
        if (value !== undefined)
          dict[typeof key === 'object' ? JSON.stringify(key, bigintAsText) : String(key)] = value;
      } else set.push(key);
      if (this.damaged || !this.#readComma('}')) return set.length > 0 ? set : dict;
    }
  }

  /** False when neither a comma nor the end follows. */
  #readComma(close: string): boolean {
    this.#skipSpace();
    const character = this.#text[this.position];
    if (character === ',') this.position++;
    else if (character !== close) this.damaged = true;
    return !this.damaged;
  }

  #readString(): string {
    const quote = this.#text[this.position];
    let out = '';
    this.position++;
    for (;;) {
      const character = this.#text[this.position];
      if (character === undefined || character === '\n') {
        this.damaged = true;
        return out;
      }
      this.position++;
      if (character === quote) return out;
      out += character === '\\' ? this.#readEscape() : character;
    }
  }

  #readEscape(): string {
    const letter = this.#text[this.position] ?? '';
    this.position++;
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits !== undefined) {
      const hex = this.#text.slice(this.position, this.position + digits);
      const code = /^[0-9a-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : -1;
      if (code < 0 || code > 0x10ffff) {
        this.damaged = true;
        return '';
      }
      this.position += digits;
      return String.fromCodePoint(code);
    }
    return SIMPLE_ESCAPES[letter] ?? `\\${letter}`;
  }

  #readWord(): PythonValue | undefined {
    const word = /^[-+]?[A-Za-z0-9_.]+(?:(?<=[eE])[-+]\d+)?/.exec(
      this.#text.slice(this.position, this.position + 400),
    )?.[0];
    if (word === undefined) return this.#fail();
    const value = CONSTANTS.get(word) ?? numberOf(word);
    if (value === undefined && word !== 'None') return this.#fail();
    this.position += word.length;
    return value ?? null;
  }
}

function numberOf(word: string): number | bigint | undefined {
  if (/^[-+]?\d+$/.test(word)) {
    const value = Number(word);
    return Number.isSafeInteger(value) ? value : BigInt(word);
  }
  if (word === '-inf') return -Infinity;
  return /^[-+]?(\d+(?:\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(word) ? Number(word) : undefined;
}

const bigintAsText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
