// The sandbox as the agent gets it: self-tested at start, refused when the required wall is not proven, pooled.
// Guarantee: no block runs before the self-test has ended, and none without the wall that the configuration asks for. A start that
// failed is tried again; one that was refused is not: that takes another configuration.
import { mkdirSync } from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import { chooseEngine } from './choose-engine.ts';
import type { SandboxEngine } from './engine.ts';
import { GuestProcess } from './guest-process.ts';
import { probeBlock } from './interpreter-probes.ts';
import { listKernelWalls, type KernelWall } from './kernel-wall.ts';
import { Pool } from './pool.ts';
import type { BlockOutcome, OnCall, Sandbox, SandboxRun, SandboxStatus } from './sandbox.ts';
import { sweepLeftovers } from './sweep-leftovers.ts';
import { openWasmEngine } from './wasm-engine.ts';

export type SandboxEvent =
  | { type: 'self-test'; status: SandboxStatus }
  | { type: 'snapshot'; state: 'ready' | 'failed'; reason: string }
  | { type: 'start-failure'; reason: string }
  | { type: 'block'; outcome: 'done' | 'error' | 'timeout' | 'memory' | 'output' | 'crash'; durationMs: number };

export interface SandboxOptions {
  /** The wall without which no Python runs. */
  require: 'none' | 'process' | 'kernel';
  /** `auto` takes the system's CPython where a kernel wall is proven, else WebAssembly. */
  engine?: 'auto' | 'wasm' | 'cpython';
  /** The system's interpreter; empty for the one that is found. */
  python?: string;
  /** Of the unit that runs it; empty for none. */
  socket?: string;
  standby?: number;
  maxProcesses?: number;
  /** Ceiling of the interpreter's own memory; beyond it Python sees `MemoryError`. */
  memoryBytes?: number;
  /** Ceiling of the whole process tree; beyond it the run's process is killed. */
  rssLimitBytes?: number;
  outputBytes?: number;
  /** For the snapshot; made with mode 0700. */
  cacheDirectory: string;
  onEvent?: (event: SandboxEvent) => void;
  /** Kernel walls to try, strongest first; what the machine has, unless a test says otherwise. */
  kernelWalls?: readonly KernelWall[];
  /** Until a start that failed is tried again. Default: a minute. */
  retryMs?: number;
}

const MIB = 1024 * 1024;
const READY_TIMEOUT_MS = 60_000;
const PROBE_TIMEOUT_MS = 20_000;
const RETRY_MS = 60_000;

export function createSandbox(options: SandboxOptions): Sandbox {
  return new ProcessSandbox(options);
}

class ProcessSandbox implements Sandbox {
  readonly #options: SandboxOptions;
  readonly #pool: Pool;
  #engine: SandboxEngine | null = null;
  #status: Omit<SandboxStatus, 'standby' | 'active'>;
  #started: Promise<void> | null = null;
  #retry: NodeJS.Timeout | undefined;
  #disposed = false;
  readonly #stopping = new AbortController();

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#status = {
      state: 'checking',
      reason: 'the self-test has not ended',
      engine: '',
      engineName: 'none',
      engineReason: '',
      walls: { interpreter: 'unknown', process: 'unknown', kernel: 'unknown' },
      kernelWall: 'none',
      systemCalls: 'unknown',
    };
    this.#pool = new Pool({
      standby: options.standby ?? 1,
      maxProcesses: options.maxProcesses ?? 8,
      createProcess: () => this.#createProcess(),
      onStartFailure: (error) => this.#emit({ type: 'start-failure', reason: reasonOf(error) }),
    });
  }

  start(): void {
    this.#started ??= this.#bringUp().catch((error: unknown) => {
      this.#finish('failed', reasonOf(error));
      this.#tryAgainLater();
    });
  }

  /** A full disk, a lack of descriptors, a slow machine: what kept it from starting may be over. */
  #tryAgainLater(): void {
    if (this.#disposed) return;
    this.#retry = setTimeout(() => {
      this.#started = null;
      this.start();
    }, this.#options.retryMs ?? RETRY_MS).unref();
  }

  status(): SandboxStatus {
    return {
      ...this.#status,
      walls: { ...this.#status.walls },
      standby: this.#pool.standby,
      active: this.#pool.active,
    };
  }

  async openRun(run: { onCall: OnCall; signal: AbortSignal }): Promise<SandboxRun> {
    this.start();
    await abortable(this.#started ?? Promise.resolve(), run.signal);
    if (this.#disposed || this.#status.state !== 'ok') {
      throw new AppError(
        'SANDBOX_UNAVAILABLE',
        `Python cannot run: ${this.#disposed ? 'the sandbox is shutting down' : this.#status.reason}`,
        {
          hint: 'Run "mem-agent health"; correct what it says, or set sandbox.require to a wall that this machine has',
        },
      );
    }
    await this.#pool.takeSlot(run.signal);
    try {
      const process = await this.#pool.takeProcess();
      return new PooledRun(this.#pool, process, run.onCall, (event) => this.#emit(event));
    } catch (error) {
      this.#pool.releaseSlot();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#retry);
    this.#stopping.abort();
    await this.#pool[Symbol.asyncDispose]();
    await this.#started;
  }

  async #bringUp(): Promise<void> {
    const { cacheDirectory } = this.#options;
    const scratchDirectory = `${cacheDirectory}/sandbox-root`;
    mkdirSync(scratchDirectory, { recursive: true, mode: 0o700 });
    sweepLeftovers(cacheDirectory, Date.now());
    const candidates = this.#options.kernelWalls ?? listKernelWalls({ scratchDirectory });
    const memoryBytes = this.#options.memoryBytes ?? 256 * MIB;
    const { python = '', socket = '' } = this.#options;
    const choice = await chooseEngine({
      engine: this.#options.engine ?? 'auto',
      cpython: { directory: cacheDirectory, candidates, memoryBytes, python, socket },
      openWasm: () =>
        openWasmEngine({
          cacheDirectory,
          candidates,
          memoryBytes,
          signal: this.#stopping.signal,
          onSnapshot: (result) => {
            if (!this.#disposed) this.#emit({ type: 'snapshot', ...result });
          },
        }),
    });
    if ('refused' in choice) {
      this.#finish('refused', choice.refused);
      return;
    }
    const { engine } = choice;
    this.#engine = engine;
    this.#status = {
      ...this.#status,
      engine: engine.label,
      engineName: engine.name,
      engineReason: choice.reason,
      walls: { interpreter: 'unknown', ...engine.walls },
      kernelWall: engine.kernelWall,
      systemCalls: engine.systemCalls,
    };
    const { require } = this.#options;
    // A proven kernel wall is more than the process wall, which the system's CPython does not have.
    const required = engine.name === 'cpython' ? 'kernel' : require;
    if (required !== 'none' && engine.walls[required] !== 'proven') {
      const why = engine.reason === '' ? '' : ` (${engine.reason})`;
      this.#finish('refused', `the ${required} wall is required but ${engine.walls[required]}${why}`);
      return;
    }
    if (this.#disposed) return;
    await this.#testInterpreter();
    this.#pool.fill();
  }

  /** Attacks from Python, in a process that is thrown away afterwards; shows as well that the interpreter starts behind its walls. */
  async #testInterpreter(): Promise<void> {
    const process = await this.#pool.takeProcess();
    try {
      const onCall: OnCall = () => Promise.reject(new AppError('SANDBOX_FAILED', 'The self-test makes no memory call'));
      const refuseFiles: OnCall = (name, args, kwargs) =>
        name.startsWith('fs.') ? Promise.resolve(null) : onCall(name, args, kwargs);
      const outcome = await process.execute(probeBlock(), {
        timeoutMs: PROBE_TIMEOUT_MS,
        signal: new AbortController().signal,
        onCall: refuseFiles,
      });
      const escaped = outcome.kind === 'done' ? outcome.variablesJson['escaped'] : null;
      const held = Array.isArray(escaped) && escaped.length === 0;
      this.#status.walls.interpreter = held ? 'proven' : 'broken';
      this.#finish(
        'ok',
        held
          ? ''
          : `from inside the interpreter: ${outcome.kind === 'done' ? JSON.stringify(escaped ?? outcome.error) : outcome.message}`,
      );
    } finally {
      await this.#pool.discard(process);
    }
  }

  #createProcess(): GuestProcess {
    if (this.#engine === null) throw new AppError('SANDBOX_FAILED', 'No engine has been chosen yet');
    return new GuestProcess({
      link: this.#engine.startProcess(),
      rssLimitBytes: this.#options.rssLimitBytes ?? 768 * MIB,
      outputBytes: this.#options.outputBytes ?? MIB,
      readyTimeoutMs: READY_TIMEOUT_MS,
    });
  }

  #finish(state: SandboxStatus['state'], reason: string): void {
    this.#status.state = state;
    this.#status.reason = reason;
    if (!this.#disposed) this.#emit({ type: 'self-test', status: this.status() });
  }

  #emit(event: SandboxEvent): void {
    this.#options.onEvent?.(event);
  }
}

class PooledRun implements SandboxRun {
  readonly #pool: Pool;
  readonly #onCall: OnCall;
  readonly #emit: (event: SandboxEvent) => void;
  #process: GuestProcess;
  #disposed = false;

  constructor(pool: Pool, process: GuestProcess, onCall: OnCall, emit: (event: SandboxEvent) => void) {
    this.#pool = pool;
    this.#process = process;
    this.#onCall = onCall;
    this.#emit = emit;
  }

  async execute(code: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<BlockOutcome> {
    if (this.#disposed) throw new AppError('SANDBOX_FAILED', 'The run has ended');
    if (this.#process.dead) {
      // The last block killed its interpreter; the run goes on with a new one.
      await this.#pool.discard(this.#process);
      this.#process = await this.#pool.takeProcess();
    }
    const startedAt = performance.now();
    const outcome = await this.#process.execute(code, { ...options, onCall: this.#onCall });
    const label = outcome.kind === 'killed' ? outcome.reason : outcome.error === null ? 'done' : 'error';
    this.#emit({ type: 'block', outcome: label, durationMs: performance.now() - startedAt });
    return outcome;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#pool.discard(this.#process);
    this.#pool.releaseSlot();
  }
}

async function abortable(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw new AppError('CANCELLED', 'The run was cancelled');
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void =>
    reject(new AppError('CANCELLED', 'The run was cancelled while the sandbox checked itself'));
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
