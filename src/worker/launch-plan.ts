// What a profile says of its engine: the command, its environment, the steps around it, and how its life is judged.
// Guarantees: arguments are a list that no shell reads, and the environment holds nothing of the daemon's own.
import type { WorkerOptions } from './worker-options.ts';

export interface LaunchStep {
  executable: string;
  args: readonly string[];
  /** Its failure is no reason to give up: it only clears the way. */
  mayFail: boolean;
}

export interface LaunchPlan {
  /** Our child. Null when the engine is nobody's child: LM Studio's own daemon, or a server that is only watched. */
  command: { executable: string; args: readonly string[] } | null;
  /** The whole environment of the command and of every step. */
  env: Readonly<Record<string, string>>;
  /** Run one after another before the command. */
  before: readonly LaunchStep[];
  /** Run before it is ended, whatever the reason. */
  after: readonly LaunchStep[];
  /** The name that requests use and `/v1/models` lists. */
  servedName: string;
  /** Null when it has no such route. */
  healthPath: string | null;
  /** It may have a `/metrics` in Prometheus' format. */
  hasMetrics: boolean;
  /** What proves that a running request lives: the engine's count of iterations, or the pieces that arrive. */
  progress: 'iterations' | 'chunks';
  /** Frees the GPU and keeps the process; null: it is stopped instead. */
  sleep: { sleepPath: string; wakePath: string } | null;
  /** On SIGTERM it finishes what runs by itself and ends its own, so at first the signal goes to it alone. */
  drains: boolean;
}

/** Where the engine is told to listen. */
export type EngineAddress = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

/** What model tools are commonly told through the environment. Everything else of the daemon's stays with the daemon. */
const PASSED =
  /^(PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_(CACHE|DATA|CONFIG)_HOME|LD_LIBRARY_PATH|VIRTUAL_ENV|CONDA_\w+|PYTHON\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|all|no)_proxy|(CUDA|NVIDIA|NCCL|HF|HUGGINGFACE|TRANSFORMERS|TOKENIZERS|TORCH|TORCHINDUCTOR|PYTORCH|TRITON|VLLM|GGML|LLAMA_ARG|MLX|METAL|OMP|MKL|ROCR|HIP|HSA|LMSTUDIO)_\w+)$/i;
/** Read by the daemon under these names: its address of a server, and its key to it. */
const OURS = new Set(['VLLM_HOST', 'VLLM_PORT', 'VLLM_API_KEY']);

/** A minimal environment, then the profile's own, then the operator's. */
export function workerEnvironment(
  options: WorkerOptions,
  own: Readonly<Record<string, string>>,
  source: Readonly<NodeJS.ProcessEnv> = process.env,
): Record<string, string> {
  const passed = Object.entries(source).flatMap(([name, value]) =>
    value !== undefined && PASSED.test(name) && !OURS.has(name) ? [[name, value] as const] : [],
  );
  // Unbuffered, or a crash takes the last lines with it.
  return { ...Object.fromEntries(passed), DO_NOT_TRACK: '1', PYTHONUNBUFFERED: '1', ...own, ...options.env };
}

/** The operator's arguments with `{port}`, `{socket}`, `{model}` and `{name}` filled in; other braces stay as they are. */
export function fillPlaceholders(options: WorkerOptions, address: EngineAddress): string[] {
  const values: Readonly<Record<string, string>> = {
    model: options.model,
    name: options.servedName,
    ...(address.kind === 'tcp' ? { port: String(address.port) } : { socket: address.path }),
  };
  return options.args.map((arg) =>
    arg.replace(/\{(port|socket|model|name)\}/g, (whole, name: string) => values[name] ?? whole),
  );
}
