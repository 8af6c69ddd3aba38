// The one table of everything that can be configured: key, type, default, limits, old names, documentation.
// Environment names, flags, the typed Config, the shipped example and `config print --explain` are derived from it.
import { bool, float, int, list, listen, oneOf, path, secret, text, url } from './config-key.ts';
import type { ConfigKey } from './config-key.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** A change takes effect on reload. */
const LIVE = { reloadable: true } as const;

/** Keys may have limits of their own; the configuration is for those that have none. */
const NO_LIMIT = (what: string): string => `${what} without a limit of its own; 0 is no limit.`;

export const CONFIG_TABLE = [
  path('memory.dir', '', 'Where the notes are. Holds notes only; anything that opens Markdown may open it.', {
    computed: '$STATE_DIRECTORY/memory, else $XDG_DATA_HOME/mem-agent/memory',
    legacyEnv: ['MEMORY_DIR'],
    legacyFile: '.memory_path',
    reloadable: true,
  }),
  int('memory.max_file_bytes', MIB, [1024, GIB], 'The largest note, in bytes.'),
  int('memory.max_root_bytes', 100 * MIB, [1024, 1024 * GIB], 'The largest memory root, in bytes.'),
  list(
    'memory.roots',
    [],
    'More memory roots for keys of their own, each as "name=work path=/srv/work max_bytes=N max_file_bytes=N readonly=false".',
    { item: 'root' },
  ),
  path('memory.filters_file', '', 'What the agent must not tell, one rule a line; re-read when it changes.', {
    computed: '.filters in the configuration directory, else in the working directory, if there is one',
    reloadable: true,
  }),

  path('state.dir', '', 'Databases, locks and journals of the daemon.', {
    computed: '$STATE_DIRECTORY, else $XDG_STATE_HOME/mem-agent, else ~/.local/state/mem-agent',
  }),
  path('runtime.dir', '', 'Sockets, gone after a reboot.', {
    computed: '$RUNTIME_DIRECTORY, else $XDG_RUNTIME_DIR/mem-agent unless state.dir is set, else run in state.dir',
  }),

  listen('http.listen', '127.0.0.1:8081', 'Where MCP clients connect: HOST:PORT, [IPV6]:PORT or unix:PATH.', {
    legacyEnv: ['HTTP_PORT', 'MCP_PORT', 'MCP_HOST'],
    legacyRule: 'listen',
  }),
  list('http.allowed_hosts', [], 'Host names (HOST or HOST:PORT) clients may use besides loopback ones.', {
    item: 'host',
  }),
  list('http.allowed_origins', [], 'Web pages that may call, each as https://HOST[:PORT].', {
    item: 'origin',
  }),
  list('http.trusted_proxies', [], 'Addresses (CIDR) whose X-Forwarded-For is believed.', { item: 'cidr' }),
  int('http.max_connections', 1024, [1, 1_000_000], 'Open connections in all.'),
  int('http.max_connections_per_address', 256, [1, 1_000_000], 'Open connections from one address; proxies exempt.'),
  int('http.max_body_bytes', 1_572_864, [1024, GIB], 'The largest request body, in bytes.'),
  int('http.headers_timeout_ms', 5000, [100, HOUR_MS], 'How long a client may take to send its headers.'),
  int('http.request_timeout_ms', 10_000, [100, HOUR_MS], 'How long a client may take to send its whole request.'),
  bool('http.legacy_sessions', false, 'Keep sessions for clients of the 2025 protocol revisions.'),

  listen('ops.listen', '127.0.0.1:8082', 'Where probes, metrics, the admin API and the dashboard are served.'),
  path('admin.socket', '', 'The socket the command line talks to; its file permissions are the authority.', {
    computed: 'admin.sock in runtime.dir',
  }),
  oneOf(
    'mcp.transport',
    ['stdio', 'http', 'dual'],
    'http',
    'How MCP is served: http, stdio on the process itself, or both.',
    {
      legacyEnv: ['MCP_TRANSPORT'],
      legacyRule: 'lower-case',
    },
  ),

  oneOf('log.level', ['trace', 'debug', 'info', 'warn', 'error'], 'info', 'The least severe line that is logged.', {
    legacyEnv: ['FASTMCP_LOG_LEVEL'],
    legacyRule: 'log-level',
    reloadable: true,
  }),
  path('log.file', '', 'Write the log here instead of to stderr.'),

  url(
    'telemetry.otlp_endpoint',
    '',
    'Where traces go (OTLP over HTTP, http://127.0.0.1:4318/v1/traces); empty: nowhere.',
  ),
  secret('telemetry.otlp_token', 'The bearer token of the collector, if it asks for one.'),
  path('telemetry.otlp_token_file', '', 'A file, readable by its owner only, that holds telemetry.otlp_token.'),
  float('telemetry.trace_ratio', 1, [0, 1], 'Which share of the requests is traced.'),

  oneOf(
    'model.backend',
    ['auto', 'builtin', 'openai'],
    'auto',
    'Who answers: model servers, or the builtin policy alone. auto: servers if a worker, base_url or OpenRouter key is set.',
    { resolvesTo: ['builtin', 'openai'], legacyEnv: ['VLLM_HOST', 'VLLM_PORT'], legacyRule: 'vllm-selects' },
  ),
  url('model.base_url', '', 'The server with the OpenAI API, for example http://127.0.0.1:8000/v1.', {
    legacyEnv: ['VLLM_HOST', 'VLLM_PORT'],
    legacyRule: 'vllm-url',
  }),
  text('model.name', '', 'Which model to ask; empty: the first one the server lists.', {
    legacyFile: '.mlx_model_name',
    reloadable: true,
  }),
  secret('model.api_key', 'The key for that server. Better given as a credential or through model.api_key_file.', {
    legacyEnv: ['VLLM_API_KEY', 'LITELLM_API_KEY'],
  }),
  path('model.api_key_file', '', 'A file, readable by its owner only, that holds model.api_key.'),
  oneOf(
    'model.trust',
    ['', 'local', 'cloud'],
    '',
    'local: notes may be sent to this server as they are. cloud: consent and the privacy screen come first.',
    { computed: 'local for a server on loopback, otherwise cloud', resolvesTo: ['local', 'cloud'] },
  ),
  bool('model.paid', false, 'Tokens of this server cost money: answers are never cut off early.'),
  float('model.temperature', 0.6, [0, 2], 'Sampling temperature.'),
  float('model.top_p', 0.95, [0, 1], 'Nucleus sampling.'),
  int('model.top_k', 20, [-1, 1_000_000], 'Top-k sampling; 0 or -1 is off.'),
  float('model.min_p', 0, [0, 1], 'Min-p sampling.'),
  int('model.max_output_tokens', 4096, [16, 1_000_000], 'The most tokens of one turn.'),
  int('model.context_tokens', 32_768, [1024, 10_000_000], 'How much the model can read at once, in tokens.'),
  int('model.request_timeout_ms', 120_000, [100, DAY_MS], 'How long one turn of the model may take.'),
  oneOf('model.fallback', ['builtin', 'none'], 'builtin', 'Who answers while every model is down.'),
  int('model.priority', 10, [0, 1000], 'The place of model.base_url among the servers: the lowest is asked first.'),
  list(
    'model.backends',
    [],
    'More servers, each as "URL name=NAME priority=20 model=M trust=local|cloud api_key_file=PATH paid=false"; equal priorities share the load.',
    { item: 'backend' },
  ),
  int('model.wait_for_worker_ms', 120_000, [0, DAY_MS], 'How long a question waits for a model that is loading.'),
  int(
    'model.builtin_after_ms',
    15_000,
    [0, DAY_MS],
    'The same, when builtin may answer instead; it answers at once when the model is not even loading.',
  ),
  int('model.breaker_failures', 3, [1, 1000], 'Failures in a row after which a server is left alone for a while.'),
  int('model.breaker_open_ms', 10_000, [100, HOUR_MS], 'How long a server that failed is left alone.'),
  int(
    'model.hedge_ms',
    0,
    [0, HOUR_MS],
    'Ask a second local server too after this long without an answer; 0 is never.',
  ),

  oneOf(
    'worker.profile',
    ['none', 'vllm', 'mlx', 'lmstudio', 'llamacpp', 'command', 'external'],
    'none',
    'The model server that mem-agent starts and watches; external: only watched.',
  ),
  oneOf(
    'worker.supervisor',
    ['daemon', 'process'],
    'daemon',
    'Who runs it: the daemon itself, or "mem-agent worker" as a process of its own, which outlives the daemon.',
  ),
  path('worker.socket', '', 'Where "mem-agent worker" is spoken to.', { computed: 'worker.sock in runtime.dir' }),
  text('worker.model', 'driaforall/mem-agent', 'What it loads: a model id or a path.', LIVE),
  text('worker.served_name', 'mem-agent', 'The name under which the model is served.', LIVE),
  text('worker.command', '', 'The executable, if it is not the one of the profile.', LIVE),
  list('worker.args', [], 'More arguments; {port}, {socket}, {model} and {name} are filled in.', LIVE),
  list('worker.env', [], 'Its environment besides the usual, each as NAME=VALUE.', { item: 'env', reloadable: true }),
  path('worker.working_directory', '', 'Where it runs; empty: runtime.dir.', LIVE),
  text('worker.listen', '', 'Where it listens: unix:PATH, HOST:PORT, or the base URL of an external one.', {
    computed: 'a socket for vllm, else a free port on loopback',
    reloadable: true,
  }),
  secret('worker.api_key', 'The key the model server asks for.', LIVE),
  path('worker.api_key_file', '', 'A file, readable by its owner only, that holds worker.api_key.', LIVE),
  oneOf(
    'worker.precision',
    ['', '4bit', '8bit', 'bf16'],
    '',
    'Precision of the weights, where the profile offers a choice.',
    LIVE,
  ),
  text('worker.quantization', '', 'Quantization method, as the model server names it.', LIVE),
  int('worker.priority', 0, [0, 1000], 'Its place among the servers: the lowest is asked first.'),
  int('worker.load_stall_ms', 300_000, [100, DAY_MS], 'A load that shows no progress for this long has failed.', LIVE),
  int('worker.load_timeout_ms', 3_600_000, [100, DAY_MS], 'How long a load may take in all.', LIVE),
  int('worker.stall_ms', 120_000, [100, DAY_MS], 'Questions running and no progress for this long is a stall.', LIVE),
  int('worker.canary_idle_ms', 60_000, [100, DAY_MS], 'An idle worker is asked for one token this often.', LIVE),
  int('worker.canary_timeout_ms', 15_000, [100, HOUR_MS], 'How long it may take to give it.', LIVE),
  int('worker.canary_failures', 3, [1, 100], 'So many in a row are a stall.', LIVE),
  int('worker.stop_timeout_ms', 10_000, [100, HOUR_MS], 'From the request to stop to the kill.', LIVE),
  int(
    'worker.gpu_wait_ms',
    60_000,
    [0, HOUR_MS],
    'How long a restart waits for the memory of the GPU to be free again.',
    LIVE,
  ),
  int(
    'worker.backoff_first_ms',
    1000,
    [10, HOUR_MS],
    'The wait before the first restart; it doubles, with jitter.',
    LIVE,
  ),
  int('worker.backoff_max_ms', 60_000, [10, DAY_MS], 'The longest wait before a restart.', LIVE),
  int(
    'worker.restart_budget',
    5,
    [-1, 1_000_000],
    'Restarts in the window before it counts as a crash loop; -1: no limit.',
    LIVE,
  ),
  int('worker.restart_window_ms', 1_800_000, [1000, 30 * DAY_MS], 'The window of the restart budget.', LIVE),
  int('worker.trial_ms', 60_000, [100, DAY_MS], 'In a crash loop, one start is tried this often.', LIVE),
  int('worker.healthy_reset_ms', 600_000, [100, DAY_MS], 'Ready for this long clears the back-off.', LIVE),
  int(
    'worker.idle_unload_ms',
    0,
    [0, 30 * DAY_MS],
    'Unload the model after this long without a question; 0 is never.',
    LIVE,
  ),
  int('worker.log_lines_per_second', 50, [1, 100_000], 'How many of its log lines are passed on.', LIVE),

  secret('openrouter.api_key', 'The key for OpenRouter; with one, it is the last resort for keys with consent.', {
    legacyEnv: ['OPENROUTER_API_KEY'],
  }),
  path('openrouter.api_key_file', '', 'A file, readable by its owner only, that holds openrouter.api_key.'),
  url('openrouter.base_url', 'https://openrouter.ai/api/v1', 'Where OpenRouter answers.'),
  list('openrouter.models', ['anthropic/claude-sonnet-4'], 'Which models to ask, the preferred one first.'),
  int('openrouter.priority', 100, [0, 1000], 'Its place among the servers: the lowest is asked first.'),
  bool('openrouter.zdr', true, 'Only providers that keep nothing (zero data retention).'),
  oneOf('openrouter.data_collection', ['deny', 'allow'], 'deny', 'Whether providers may keep or train on the data.'),
  bool('openrouter.allow_fallbacks', true, 'Let OpenRouter choose among the providers that keep the rules.'),
  float(
    'openrouter.max_price_prompt_usd',
    5,
    [0, 10_000],
    'The most a million tokens read may cost; other paid servers are counted at it.',
  ),
  float(
    'openrouter.max_price_completion_usd',
    20,
    [0, 10_000],
    'The most a million tokens written may cost; the same.',
  ),
  int('openrouter.key_check_ms', 60_000, [60_000, DAY_MS], 'How often the remaining credit is asked for.'),

  bool('cloud.local_consent', false, 'The local socket (stdio, command line) may use cloud models.'),
  float('cloud.local_budget_usd', 0, [0, 1_000_000], 'What it may spend there in a month, in US dollars.'),
  path(
    'privacy.rules_file',
    '',
    'What must not leave this machine: "redact TEXT", "redact /regex/", "refuse /regex/", one a line.',
  ),

  int('agent.max_turns', 20, [1, 1000], 'Turns of the model in one run.', { reloadable: true }),
  int('agent.block_timeout_ms', 20_000, [100, HOUR_MS], 'How long one Python block may run.', { reloadable: true }),
  int('agent.deadline_ms', 600_000, [1000, DAY_MS], 'How long one run may take in all.', { reloadable: true }),
  int('agent.max_tokens', 200_000, [1000, 100_000_000], 'Tokens one run may use in all.', { reloadable: true }),
  int('agent.max_concurrent_runs', 32, [1, 10_000], 'Runs at the same time.'),
  int('agent.max_queued_runs', 256, [0, 100_000], 'Runs that may wait; more are told to come back later.'),
  int('agent.max_queued_runs_per_key', 128, [1, 100_000], 'Of those, how many may be of one key.'),
  int(
    'agent.cache_ms',
    0,
    [0, DAY_MS],
    'Answer the same question over unchanged notes again for this long; 0 is never.',
  ),
  path('agent.system_prompt_file', '', 'Your own system prompt instead of the one inside.'),

  oneOf(
    'sandbox.require',
    ['none', 'process', 'kernel'],
    'process',
    'The walls that must be proven before Python runs: the process ones, or a kernel one besides.',
  ),
  oneOf(
    'sandbox.engine',
    ['auto', 'wasm', 'cpython'],
    'auto',
    'WebAssembly, or the system’s python3 behind a proven kernel wall; auto: python3 where there is such a wall.',
  ),
  path('sandbox.python', '', 'The python3 (3.11 or newer) of the cpython engine; empty: the system’s.'),
  path(
    'sandbox.socket',
    '/run/mem-agent-py.sock',
    'Where systemd starts a sandbox unit for each connection; used if it is there.',
  ),
  int('sandbox.standby', 1, [0, 1000], 'Sandbox processes kept ready; each takes about 200 MB, or 15 with cpython.'),
  int('sandbox.max_processes', 8, [1, 1000], 'Sandbox processes at the same time.'),
  int('sandbox.memory_bytes', 256 * MIB, [32 * MIB, 4 * GIB], 'How far the Python in one sandbox may grow, in bytes.'),
  int('sandbox.rss_limit_bytes', 768 * MIB, [128 * MIB, 64 * GIB], 'The most memory of one sandbox process, in bytes.'),
  int('sandbox.output_bytes', MIB, [1024, GIB], 'The most one Python block may hand back, in bytes.'),

  int('limits.requests_per_minute', 0, [0, 1_000_000_000], NO_LIMIT('Requests a minute of one key'), LIVE),
  list(
    'limits.tool_calls_per_minute',
    [],
    'Calls a minute of one tool by one key without a limit of its own, each as TOOL=N.',
    { item: 'tool-rate', reloadable: true },
  ),
  int('limits.concurrent_runs', 0, [0, 1_000_000_000], NO_LIMIT('Questions of one key that run at once'), LIVE),
  int('limits.tokens_per_day', 0, [0, 1_000_000_000], NO_LIMIT('Tokens of one key in a UTC day'), LIVE),
  int('limits.tokens_per_month', 0, [0, 1_000_000_000], NO_LIMIT('Tokens of one key in a UTC month'), LIVE),
  float('limits.usd_per_day', 0, [0, 1_000_000], NO_LIMIT('Dollars one key may spend on models in a UTC day'), LIVE),
  float('limits.usd_per_month', 0, [0, 1_000_000], NO_LIMIT('Dollars one key may spend in a UTC month'), LIVE),
  int(
    'limits.auth_failures_per_minute',
    20,
    [0, 1_000_000],
    'Wrong keys from one address (IPv6: one /64) in a minute before they get 429; 0 is never. Good keys go on.',
    LIVE,
  ),

  text('jwt.issuer', '', 'The identity provider whose access tokens are taken, exactly as its tokens name it.'),
  text('jwt.audience', '', 'What such a token must be for: the URL of this /mcp as clients know it.'),
  text('jwt.jwks_url', '', 'Where its public keys are; empty: as its own metadata says.'),
  list('jwt.algorithms', ['RS256', 'PS256', 'ES256', 'EdDSA'], 'How its tokens may be signed.', {
    item: 'jwt-algorithm',
  }),
  text('jwt.scope_claim', '', 'The claim with the scopes; empty: scope, else scp.'),
  text('jwt.scope_prefix', '', 'What stands before our scopes there: with "mem:", "mem:agent" is agent.'),
  text('jwt.root', 'default', 'The memory root of its callers.'),
  text('jwt.root_claim', '', 'The claim that names the memory root instead; without it a token is refused.'),
  text('jwt.policy_claim', '', 'The claim that holds a policy as an object, as a key has one.'),
  text('jwt.groups_claim', 'groups', 'The claim with the groups that jwt.policies_file knows.'),
  path('jwt.policies_file', '', 'Policies by group: {"default": {…}, "groups": {"NAME": {…}}}; the first that fits.'),
  bool('jwt.cloud_consent', false, 'Questions of its callers may go to cloud models.'),
  float('jwt.cloud_budget_usd', 0, [0, 1_000_000], 'What each of them may spend there in a month, in US dollars.'),
  int('jwt.clock_tolerance_ms', 30_000, [0, 300_000], 'How far the clocks of provider and daemon may differ.'),
  int('jwt.jwks_grace_ms', DAY_MS, [0, 30 * DAY_MS], 'How long its keys are believed while no new ones can be had.'),

  oneOf(
    'audit.content',
    ['digest', 'full'],
    'digest',
    'What the audit keeps of questions, arguments and replies: keyed digests, or the whole text.',
  ),
  secret('audit.signing_key', 'The Ed25519 key (PEM) that signs checkpoints; empty: audit-signing.pem in state.dir.'),
  path('audit.signing_key_file', '', 'A file, readable by its owner only, that holds audit.signing_key.'),
  int('audit.checkpoint_records', 1000, [10, 1_000_000], 'A signed checkpoint is written after so many records.'),
  int('audit.checkpoint_minutes', 15, [1, 1440], 'And after so many minutes, if there are new records.'),
  int(
    'audit.verify_interval_hours',
    24,
    [0, 720],
    'How often the chain is verified in the background; 0 is never.',
    LIVE,
  ),
  int('audit.retention_days', 0, [0, 36_500], 'Records older than this may go; 0 keeps them all.', LIVE),
  path('audit.archive_dir', '', 'What retention removes is kept here first, as files that prove themselves.', LIVE),

  int('usage.hourly_days', 90, [2, 36_500], 'Usage older than this is kept by the day.', LIVE),
  int('usage.daily_days', 730, [40, 36_500], 'Usage older than this is kept by the month.', LIVE),
  int('usage.monthly_days', 0, [0, 36_500], 'Usage older than this is removed; 0 keeps it all.', LIVE),

  int('daemon.drain_timeout_ms', 30_000, [0, DAY_MS], 'How long a stop waits for what is running.', {
    reloadable: true,
  }),
  int('daemon.idle_exit_ms', 0, [0, 30 * DAY_MS], 'Stop after this long without a client; 0 is never.'),
] as const satisfies readonly ConfigKey[];

/** The same table, seen as plain rows. */
export const CONFIG_KEYS: readonly ConfigKey[] = CONFIG_TABLE;

/** The row of a key, if there is such a key. */
export function findConfigKey(key: string): ConfigKey | undefined {
  return CONFIG_KEYS.find((row) => row.key === key);
}
