// What an OpenAI-compatible backend can be told, and whom it may be trusted to talk to.
import { AppError } from '../lib/app-error.ts';
import type { CloudGuard, CloudPrice } from './cloud-guard.ts';

export interface OpenAiOptions {
  /** Its label in metrics, logs and answers; left out: `openai`. */
  name?: string;
  /** `http://host:port/v1`, or `unix:/path/to.sock` (then `/v1` on it). Without a path `/v1` is meant. */
  baseUrl: string;
  apiKey?: string;
  /** Left out or empty: the first model the server lists. */
  model?: string;
  /** The same, asked at each turn: for a name that can change meanwhile. */
  currentModel?(): string;
  /** Tokens cost money: never stop early, send standard fields only. */
  paid: boolean;
  trust: 'local' | 'cloud';
  /** What stands between a run and a server that is not this machine's own; without it such a server is never asked. */
  cloud?: { guard: CloudGuard; price: CloudPrice };
  temperature: number;
  topP: number;
  /** 0 or -1 is off. */
  topK: number;
  minP: number;
  /** One turn in all. */
  requestTimeoutMs: number;
  connectTimeoutMs: number;
  /** Between two pieces of a stream, once it has begun. */
  stallTimeoutMs: number;
  maxConnections: number;
  onEvent?(event: OpenAiEvent): void;
}

export type OpenAiEvent =
  | { kind: 'retried'; reason: string }
  | { kind: 'model-found'; model: string }
  /** The server refused fields that are not in the standard; they are left out from now on. */
  | { kind: 'plain-fields-only'; reason: string };

export const defaultOpenAiOptions = {
  paid: false,
  temperature: 0.6,
  topP: 0.95,
  topK: 20,
  minP: 0,
  requestTimeoutMs: 120_000,
  connectTimeoutMs: 5000,
  stallTimeoutMs: 60_000,
  maxConnections: 64,
} as const satisfies Partial<OpenAiOptions>;

export interface Endpoint {
  /** What undici connects to. */
  origin: string;
  socketPath: string | null;
  /** In front of `/chat/completions`; begins with `/`, does not end with it. */
  prefix: string;
  /** For messages: never holds credentials. */
  shown: string;
}

const UNIX_URL = /^unix:(?:\/\/)?(?<socket>\/[^:]+)(?::(?<prefix>\/.*))?$/;

/** Throws CONFIG_INVALID. */
export function parseBaseUrl(baseUrl: string): Endpoint {
  const unix = UNIX_URL.exec(baseUrl)?.groups;
  if (unix?.['socket'] !== undefined) {
    const prefix = trimSlashes(unix['prefix'] ?? '/v1');
    return { origin: 'http://localhost', socketPath: unix['socket'], prefix, shown: `unix:${unix['socket']}` };
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new AppError('CONFIG_INVALID', 'model.base_url is not an address of a server', {
      hint: 'Write it as http://127.0.0.1:8000/v1 or unix:/run/vllm.sock',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new AppError('CONFIG_INVALID', 'model.base_url holds a user name or password', {
      hint: 'Give the key as model.api_key_file instead',
    });
  }
  const prefix = url.pathname === '/' ? '/v1' : trimSlashes(url.pathname);
  return { origin: url.origin, socketPath: null, prefix, shown: url.origin + prefix };
}

/** A server on this machine is the owner's own; any other is cloud unless the operator says `local`. */
export function judgeTrust(baseUrl: string, configured: 'local' | 'cloud' | ''): 'local' | 'cloud' {
  if (configured !== '') return configured;
  const { origin, socketPath } = parseBaseUrl(baseUrl);
  if (socketPath !== null) return 'local';
  const { hostname } = new URL(origin);
  const isLoopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
  return isLoopback ? 'local' : 'cloud';
}

function trimSlashes(path: string): string {
  return path.replace(/\/+$/, '');
}
