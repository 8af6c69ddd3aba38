// One sandbox process as the core sees it: ready, one block at a time, calls answered, ceilings kept, then dead.
// Guarantee: after any kill, crash or protocol violation the process group is gone and the outcome says why.
import { AppError } from '../lib/app-error.ts';
import type { GuestLink } from './guest-link.ts';
import { measureTree } from './process-tree.ts';
import { LineSplitter, parseGuestLine, ProtocolViolation, type GuestMessage, type HostMessage } from './protocol.ts';
import { GuestError, type BlockOutcome, type OnCall } from './sandbox.ts';

export interface GuestProcessOptions {
  /** To a process that has just been started. */
  link: GuestLink;
  rssLimitBytes: number;
  outputBytes: number;
  readyTimeoutMs: number;
}

export interface ExecuteOptions {
  timeoutMs: number;
  signal: AbortSignal;
  onCall: OnCall;
}

type KillReason = Extract<BlockOutcome, { kind: 'killed' }>['reason'];

const WATCH_INTERVAL_MS = 50;
const MAX_PROCESSES = 12;
const MAX_STDERR_CHARACTERS = 4096;
/** A call carries at most one note (1 MiB), six ASCII characters for each of its own at worst. */
const MAX_LINE_BYTES = 8 * 1024 * 1024;

interface CurrentBlock {
  onCall: OnCall;
  settle(outcome: BlockOutcome): void;
  fail(error: unknown): void;
}

export class GuestProcess {
  readonly #link: GuestLink;
  readonly #options: GuestProcessOptions;
  readonly #splitter = new LineSplitter(MAX_LINE_BYTES);
  readonly #ready = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  /** From the first block on: before it the process has run no foreign code. */
  #watch: NodeJS.Timeout | undefined;
  #current: CurrentBlock | null = null;
  #answering = false;
  #isReady = false;
  #dead = false;
  #stderr = '';

  constructor(options: GuestProcessOptions) {
    this.#options = options;
    this.#link = options.link;
    this.#link.output.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#link.complaints?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-MAX_STDERR_CHARACTERS);
    });
    void this.#link.ended.then((how) => {
      this.#end('crash', how);
      this.#closed.resolve();
    });
    const startTimer = setTimeout(
      () => this.#end('timeout', 'The sandbox process was not ready in time'),
      options.readyTimeoutMs,
    );
    this.#ready.promise.then(
      () => clearTimeout(startTimer),
      () => clearTimeout(startTimer),
    );
  }

  get pid(): number | undefined {
    return this.#link.pid;
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Rejects with `SANDBOX_FAILED` when the process ends before it is ready. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  execute(code: string, options: ExecuteOptions): Promise<BlockOutcome> {
    if (this.#dead || this.#current !== null)
      return Promise.reject(new AppError('SANDBOX_FAILED', 'The sandbox process is not free'));
    if (options.signal.aborted) return Promise.reject(cancelled());
    this.#watch ??= setInterval(() => this.#checkSize(), WATCH_INTERVAL_MS).unref();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#end('timeout', `The block ran longer than ${options.timeoutMs / 1000} seconds and was ended`),
        options.timeoutMs,
      );
      const onAbort = (): void => this.#fail(cancelled());
      const finish = (): void => {
        clearTimeout(timer);
        options.signal.removeEventListener('abort', onAbort);
        this.#current = null;
      };
      options.signal.addEventListener('abort', onAbort);
      this.#current = {
        onCall: options.onCall,
        settle: (outcome) => {
          finish();
          resolve(outcome);
        },
        fail: (error) => {
          finish();
          reject(
            error instanceof Error ? error : new AppError('SANDBOX_FAILED', 'A memory call failed', { cause: error }),
          );
        },
      };
      this.#send({ type: 'run', code });
    });
  }

  /** Ends the process and everything below it. */
  async kill(): Promise<void> {
    this.#end('crash', 'The sandbox process was ended');
    await this.#closed.promise;
  }

  #receive(chunk: Buffer): void {
    if (this.#dead) return;
    try {
      for (const line of this.#splitter.push(chunk)) this.#handle(parseGuestLine(line, this.#options));
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.#end(error.reason, error.message);
    }
  }

  #handle(message: GuestMessage): void {
    if (this.#dead) return;
    if (message.type === 'ready' && !this.#isReady) {
      this.#isReady = true;
      this.#ready.resolve();
      return;
    }
    const current = this.#current;
    // A line out of turn (a second call before the first is answered, a result without a block) is never honest.
    if (current === null || this.#answering || message.type === 'ready')
      throw new ProtocolViolation('crash', 'The sandbox spoke out of turn');
    if (message.type === 'call') {
      this.#answering = true;
      void this.#answer(current, message.name, message.args, message.kwargs);
      return;
    }
    current.settle({
      kind: 'done',
      variablesRepr: message.repr,
      variablesJson: message.json,
      error: message.error,
      errorType: message.errorType,
      printed: message.printed,
    });
  }

  async #answer(
    current: CurrentBlock,
    name: string,
    args: readonly unknown[],
    kwargs: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    let answer: HostMessage;
    try {
      answer = { type: 'return', value: (await current.onCall(name, args, kwargs)) ?? null };
    } catch (error) {
      if (!(error instanceof GuestError)) {
        // Not the block's business (audit unavailable, a defect): the run ends, the block cannot catch it.
        if (this.#current === current) this.#fail(error);
        return;
      }
      answer = { type: 'raise', pythonType: error.pythonType, message: error.message, errno: error.errno ?? null };
    }
    this.#answering = false;
    if (this.#current === current && !this.#dead) this.#send(answer);
  }

  #send(message: HostMessage): void {
    this.#link.input.write(`${JSON.stringify(message)}\n`);
  }

  #checkSize(): void {
    const pid = this.#link.pid;
    if (pid === undefined || this.#dead) return;
    const { residentBytes, processes } = measureTree(pid);
    if (residentBytes > this.#options.rssLimitBytes)
      this.#end('memory', `The interpreter held more than ${this.#options.rssLimitBytes} bytes of memory`);
    else if (processes > MAX_PROCESSES) this.#end('crash', 'The sandbox process started other processes');
  }

  #fail(error: unknown): void {
    const current = this.#current;
    this.#current = null;
    this.#end('crash', 'The run was ended');
    current?.fail(error);
  }

  #end(reason: KillReason, message: string): void {
    if (this.#dead) return;
    this.#dead = true;
    clearInterval(this.#watch);
    this.#link.kill();
    this.#ready.reject(
      new AppError('SANDBOX_FAILED', `${message}${this.#stderr === '' ? '' : `: ${firstLine(this.#stderr)}`}`, {
        hint: 'Run "mem-agent health", or look at the log for the sandbox component',
      }),
    );
    this.#ready.promise.catch(() => undefined);
    this.#current?.settle({ kind: 'killed', reason, message });
  }
}

function cancelled(): AppError {
  return new AppError('CANCELLED', 'The run was cancelled');
}

function firstLine(text: string): string {
  return text.trim().split('\n').slice(0, 3).join(' | ').slice(0, 400);
}
