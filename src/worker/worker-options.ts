// What a worker can be told. `daemon/` makes it from the configuration's `worker.*` keys.

export const WORKER_PROFILES = ['vllm', 'mlx', 'lmstudio', 'llamacpp', 'command', 'external'] as const;
export type WorkerProfile = (typeof WORKER_PROFILES)[number];

export interface WorkerOptions {
  /** Label of its log lines and metrics. */
  name: string;
  profile: WorkerProfile;
  /** What it loads: a model id or a path. */
  model: string;
  /** The name it must list in `/v1/models`; requests use it. */
  servedName: string;
  /** Executable; empty: the profile's own (`vllm`, `mlx_lm.server`, `lms`, `llama-server`). For `command` required. */
  command: string;
  /** After the profile's own arguments. `{port}`, `{socket}`, `{model}` and `{name}` are filled in. */
  args: readonly string[];
  /** Added to a minimal environment (PATH, HOME, LANG, CUDA_*, HF_*, VLLM_*, …), never the daemon's secrets. */
  env: Readonly<Record<string, string>>;
  workingDirectory: string;
  /** `` (empty), `unix:PATH`, or `HOST:PORT`; empty: a socket for vLLM, else a free loopback port. For `external` the base URL. */
  listen: string;
  apiKey: string;
  precision: '' | '4bit' | '8bit' | 'bf16';
  quantization: string;
  contextTokens: number;
  /** Where identity and sockets are kept; made with mode 0700. */
  runtimeDirectory: string;
  /** A load may take as long as it shows progress (log lines, CPU time) at least this often. */
  loadStallMs: number;
  /** The longest a load may take in all. */
  loadTimeoutMs: number;
  /** Requests running and no progress for this long is a stall. */
  stallMs: number;
  canaryIdleMs: number;
  canaryTimeoutMs: number;
  canaryFailures: number;
  /** SIGTERM to SIGKILL. */
  stopTimeoutMs: number;
  gpuWaitMs: number;
  backoffFirstMs: number;
  backoffMaxMs: number;
  /** Restarts within the window before `crash_loop`; -1 is unlimited. */
  restartBudget: number;
  restartWindowMs: number;
  /** Between the single trials of a crash loop. */
  trialMs: number;
  /** Ready for this long clears the back-off. */
  healthyResetMs: number;
  /** Unload (or put to sleep) after this long without a question; 0 is never. */
  idleUnloadMs: number;
  logLinesPerSecond: number;
}

export const defaultWorkerOptions = {
  name: 'worker',
  servedName: 'mem-agent',
  command: '',
  args: [],
  env: {},
  workingDirectory: '',
  listen: '',
  apiKey: '',
  precision: '',
  quantization: '',
  contextTokens: 32_768,
  loadStallMs: 300_000,
  loadTimeoutMs: 3_600_000,
  stallMs: 120_000,
  canaryIdleMs: 60_000,
  canaryTimeoutMs: 15_000,
  canaryFailures: 3,
  stopTimeoutMs: 10_000,
  gpuWaitMs: 60_000,
  backoffFirstMs: 1000,
  backoffMaxMs: 60_000,
  restartBudget: 5,
  restartWindowMs: 1_800_000,
  trialMs: 60_000,
  healthyResetMs: 600_000,
  idleUnloadMs: 0,
  logLinesPerSecond: 50,
} as const satisfies Partial<WorkerOptions>;
