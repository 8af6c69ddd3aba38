// What the agent needs of a sandbox: one run, blocks one after another, memory calls answered by the core.

/** Raised inside Python as the named builtin exception. The core throws it to make a call fail in the guest's eyes. */
export class GuestError extends Error {
  override readonly name = 'GuestError';
  readonly pythonType: string;
  readonly errno: number | undefined;
  constructor(pythonType: string, message: string, errno?: number) {
    super(message);
    this.pythonType = pythonType;
    this.errno = errno;
  }
}

/** Answers one memory call of the guest; arguments and result are JSON. */
export type OnCall = (
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
) => Promise<unknown>;

export type BlockOutcome =
  /** `variablesRepr` is Python's `repr` of the dict of top-level variables; `error` is a traceback without host paths. */
  | {
      kind: 'done';
      variablesRepr: string;
      variablesJson: Record<string, unknown>;
      error: string | null;
      errorType: string | null;
      printed: string;
    }
  /** The interpreter was ended (`timeout`, `memory`, `output`, `crash`); the next block gets a new one. */
  | { kind: 'killed'; reason: 'timeout' | 'memory' | 'output' | 'crash'; message: string };

export interface SandboxRun extends AsyncDisposable {
  execute(code: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<BlockOutcome>;
}

export type WallName = 'interpreter' | 'process' | 'kernel';

/** CPython as WebAssembly, or the system's own CPython behind a kernel wall. */
export type EngineName = 'wasm' | 'cpython';

export interface SandboxStatus {
  /** `checking` until the self-test has ended. */
  state: 'checking' | 'ok' | 'refused' | 'failed';
  reason: string;
  /** Interpreter and version. */
  engine: string;
  engineName: EngineName | 'none';
  /** Why this engine and not the other. */
  engineReason: string;
  /** What the self-test proved. */
  walls: Record<WallName, 'proven' | 'absent' | 'broken' | 'unknown'>;
  kernelWall: string;
  /** Whether the process may make only the system calls that Python needs. */
  systemCalls: 'filtered' | 'unfiltered' | 'unknown';
  standby: number;
  active: number;
}

export interface Sandbox extends AsyncDisposable {
  start(): void;
  /** Waits for the self-test and for a free process. Errors: `SANDBOX_UNAVAILABLE`, `CANCELLED`. */
  openRun(options: { onCall: OnCall; signal: AbortSignal }): Promise<SandboxRun>;
  status(): SandboxStatus;
}
