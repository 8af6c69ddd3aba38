// Lines from the sandbox process, read as hostile input: strict shapes, bounded length, never evaluated.
// Guarantee: whatever the child writes, the core gets a known message or a `ProtocolViolation`.

export type GuestMessage =
  | { type: 'ready' }
  | { type: 'call'; name: string; args: readonly unknown[]; kwargs: Readonly<Record<string, unknown>> }
  | {
      type: 'done';
      repr: string;
      json: Record<string, unknown>;
      error: string | null;
      errorType: string | null;
      printed: string;
    };

export type HostMessage =
  | { type: 'run'; code: string }
  | { type: 'return'; value: unknown }
  | { type: 'raise'; pythonType: string; message: string; errno: number | null };

export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
  readonly reason: 'output' | 'crash';
  constructor(reason: 'output' | 'crash', message: string) {
    super(message);
    this.reason = reason;
  }
}

const CALL_NAME = /^[a-z_]{1,40}(\.[a-z_]{1,20})?$/;
const TYPE_NAME = /^[\p{L}_][\p{L}\p{N}_]{0,99}$/u;
const VARIABLE_NAME = /^[\p{L}\p{Nl}_][\p{L}\p{N}\p{M}\p{Pc}]{0,255}$/u;
const MAX_ARGUMENTS = 8;

export function parseGuestLine(line: string, limits: { outputBytes: number }): GuestMessage {
  const message = asRecord(parseJson(line));
  if (message === null) throw new ProtocolViolation('crash', 'The sandbox sent a line that is not an object');
  if (message['type'] === 'ready') return { type: 'ready' };
  if (message['type'] === 'call') return parseCall(message);
  if (message['type'] === 'done') return parseDone(message, limits);
  throw new ProtocolViolation('crash', 'The sandbox sent an unknown message');
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new ProtocolViolation(
      'crash',
      `The sandbox sent a broken line: ${error instanceof Error ? error.name : 'unknown'}`,
    );
  }
}

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function parseCall(message: Record<string, unknown>): GuestMessage {
  const { name, args } = message;
  const kwargs = asRecord(message['kwargs']);
  const wellFormed =
    typeof name === 'string' &&
    CALL_NAME.test(name) &&
    Array.isArray(args) &&
    args.length <= MAX_ARGUMENTS &&
    kwargs !== null;
  if (!wellFormed || Object.keys(kwargs).length > MAX_ARGUMENTS) {
    throw new ProtocolViolation('crash', 'The sandbox sent a call of a wrong shape');
  }
  return { type: 'call', name, args, kwargs };
}

function parseDone(message: Record<string, unknown>, limits: { outputBytes: number }): GuestMessage {
  const { repr, error, errorType, printed } = message;
  const json = asRecord(message['json']);
  const wellFormed =
    typeof repr === 'string' &&
    typeof printed === 'string' &&
    json !== null &&
    (error === null || typeof error === 'string') &&
    (errorType === null || (typeof errorType === 'string' && TYPE_NAME.test(errorType)));
  if (!wellFormed) throw new ProtocolViolation('crash', 'The sandbox sent a result of a wrong shape');
  if (repr.length + printed.length + (error?.length ?? 0) > limits.outputBytes) {
    throw new ProtocolViolation('output', `The block's result is larger than ${limits.outputBytes} bytes`);
  }
  // Own properties only: a key named `__proto__` must not become a prototype anywhere later.
  const variables = Object.entries(json).filter(([name]) => VARIABLE_NAME.test(name) && !name.startsWith('__'));
  return { type: 'done', repr, json: Object.fromEntries(variables), error, errorType, printed };
}

/** Cuts a byte stream into lines without ever holding more than one line's limit. */
export class LineSplitter {
  #parts: Buffer[] = [];
  #heldBytes = 0;
  readonly #maxLineBytes: number;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let rest = chunk;
    for (let end = rest.indexOf(10); end !== -1; end = rest.indexOf(10)) {
      this.#hold(rest.subarray(0, end));
      lines.push(Buffer.concat(this.#parts).toString('utf8'));
      this.#parts = [];
      this.#heldBytes = 0;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) this.#hold(rest);
    return lines;
  }

  #hold(part: Buffer): void {
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#maxLineBytes)
      throw new ProtocolViolation('output', `The sandbox sent a line of more than ${this.#maxLineBytes} bytes`);
    this.#parts.push(part);
  }
}
