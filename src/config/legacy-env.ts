// The variables of the Python original to a layer below MEM_AGENT_*. Which key takes which name stands in the table.
import { parsePort } from './coerce-value.ts';
import type { ConfigProblem } from './config-error.ts';
import { envNameOf } from './config-key.ts';
import type { ConfigKey } from './config-key.ts';
import type { Environment } from './expand-path.ts';
import { textSetting } from './layer.ts';
import type { Layer } from './layer.ts';
import { formatListenAddress, isHost, parseListenAddress } from './listen-address.ts';
import { MASK } from './mask-value.ts';
import { CONFIG_KEYS, findConfigKey } from './schema.ts';

const VLLM_PORT = 8000;
/** Python's names, where they differ from ours. */
const LOG_LEVELS: Readonly<Record<string, string>> = { critical: 'error', fatal: 'error', warning: 'warn' };

export function readLegacyEnvLayer(env: Environment, cwd: string, problems: ConfigProblem[]): Layer {
  const layer: Layer = new Map();
  for (const row of CONFIG_KEYS) {
    const names = (row.legacyEnv ?? []).filter((name) => (env[name] ?? '') !== '');
    if (names.length === 0) continue;
    const found = new LegacyNames(env, names, row, problems);
    const value = convert(row, found);
    if (value === undefined) continue;
    const used = row.legacyRule === undefined || row.legacyRule === 'as-is' ? names.slice(0, 1) : found.used;
    layer.set(row.key, textSetting(value, `environment variable ${used.join(' and ')}`, 'env', cwd));
  }
  return layer;
}

function convert(row: ConfigKey, found: LegacyNames): string | undefined {
  switch (row.legacyRule ?? 'as-is') {
    case 'as-is':
      return found.first();
    case 'lower-case':
      return found.first().trim().toLowerCase();
    case 'log-level': {
      const level = found.first().trim().toLowerCase();
      return LOG_LEVELS[level] ?? level;
    }
    case 'listen': {
      const standard = parseListenAddress(String(findConfigKey('http.listen')?.default));
      if (standard.kind !== 'tcp') return undefined;
      const host = found.host('MCP_HOST', standard.host);
      const port = found.port(['HTTP_PORT', 'MCP_PORT'], standard.port);
      return host === undefined || port === undefined ? undefined : formatListenAddress({ kind: 'tcp', host, port });
    }
    case 'vllm-url': {
      const named = found.host('VLLM_HOST', '127.0.0.1');
      const port = found.port(['VLLM_PORT'], VLLM_PORT);
      if (named === undefined || port === undefined) return undefined;
      // The original hands out the server's own "all addresses" as the place to connect to.
      const host = named === '0.0.0.0' || named === '::' ? '127.0.0.1' : named;
      return `http://${formatListenAddress({ kind: 'tcp', host, port })}/v1`;
    }
    case 'vllm-selects':
      found.useAll();
      return 'openai';
  }
}

/** Reads the names that are set for one row, and notes which of them counted. */
class LegacyNames {
  readonly used: string[] = [];
  readonly #env: Environment;
  readonly #names: readonly string[];
  readonly #row: ConfigKey;
  readonly #problems: ConfigProblem[];

  constructor(env: Environment, names: readonly string[], row: ConfigKey, problems: ConfigProblem[]) {
    this.#env = env;
    this.#names = names;
    this.#row = row;
    this.#problems = problems;
  }

  first(): string {
    const name = this.#names[0] ?? '';
    this.used.push(name);
    return this.#env[name] ?? '';
  }

  useAll(): void {
    this.used.push(...this.#names);
  }

  host(name: string, standard: string): string | undefined {
    if (!this.#names.includes(name)) return standard;
    this.used.push(name);
    const host = (this.#env[name] ?? '').trim().replace(/^\[(.*)\]$/, '$1');
    if (isHost(host)) return host;
    // What is no host may be a URL with a password in it.
    return this.#refuse(name, /[@/]/.test(host) ? MASK : host, 'it is no host name or address');
  }

  port(names: readonly string[], standard: number): number | undefined {
    const name = names.find((candidate) => this.#names.includes(candidate));
    if (name === undefined) return standard;
    this.used.push(name);
    const value = (this.#env[name] ?? '').trim();
    return parsePort(value) ?? this.#refuse(name, value, 'it is no port (0 to 65535)');
  }

  #refuse(name: string, value: string, message: string): undefined {
    const fix = `Correct ${name}, or unset it and use ${envNameOf(this.#row.key)}`;
    this.#problems.push({ key: this.#row.key, source: `environment variable ${name}`, value, message, fix });
    return undefined;
  }
}
