// The engine's own Prometheus metrics: fetched, read for the few figures that supervision needs, and re-exported.
// Guarantees of the re-export: valid Prometheus text whatever the engine sent, every name begins with `memagent_engine_`
// (a colon becomes `_`) and every series carries `worker="…"`; only the engine's own families; bounded in size and series.
import { AppError } from '../lib/app-error.ts';
import { parsePrometheusText } from './prometheus-text.ts';
import type { ExpositionLine, MetricType } from './prometheus-text.ts';
import { requestEngine } from './worker-endpoint.ts';
import type { WorkerEndpoint } from './worker-endpoint.ts';

const ENGINE_PREFIXES = ['vllm:', 'llamacpp:', 'sglang:'] as const;
const MOST_SERIES = 5000;
const MOST_CHARACTERS = 2 * 1024 * 1024;
const MOST_LABELS = 24;
const LONGEST_LABEL = 256;
const LONGEST_NAME = 200;
const LONGEST_HELP = 500;

/** Null: the engine does not say. */
export interface EngineFigures {
  /** Grows while the engine works: steps of vLLM, decodes of llama.cpp, tokens of SGLang; summed over engines. */
  iterations: number | null;
  requestsRunning: number | null;
  requestsWaiting: number | null;
  /** Of the fullest engine, 0 to 1. */
  kvCacheUsageRatio: number | null;
  preemptions: number | null;
}

export const UNKNOWN_FIGURES: EngineFigures = {
  iterations: null,
  requestsRunning: null,
  requestsWaiting: null,
  kvCacheUsageRatio: null,
  preemptions: null,
};

type FigureSum = Exclude<keyof EngineFigures, 'kvCacheUsageRatio'>;

const SUMMED: Readonly<Record<string, FigureSum>> = {
  'vllm:iteration_tokens_total_count': 'iterations',
  'vllm:num_requests_running': 'requestsRunning',
  'vllm:num_requests_waiting': 'requestsWaiting',
  'vllm:num_preemptions_total': 'preemptions',
  'llamacpp:n_decode_total': 'iterations',
  'llamacpp:requests_processing': 'requestsRunning',
  'llamacpp:requests_deferred': 'requestsWaiting',
  'sglang:realtime_tokens_total': 'iterations',
  'sglang:num_running_reqs': 'requestsRunning',
  'sglang:num_queue_reqs': 'requestsWaiting',
};
/** The second is vLLM's name of before 0.11. */
const KV_CACHE: ReadonlySet<string> = new Set([
  'vllm:kv_cache_usage_perc',
  'vllm:gpu_cache_usage_perc',
  'llamacpp:kv_cache_usage_ratio',
  'sglang:token_usage',
]);

/** Empty when the engine has no metrics. Throws WORKER_FAILED or CANCELLED. */
export async function fetchEngineMetrics(
  endpoint: WorkerEndpoint,
  // llama-server guards its metrics with the key, vLLM does not.
  options: { timeoutMs: number; signal: AbortSignal; apiKey?: string },
): Promise<string> {
  const { status, text } = await requestEngine(endpoint, { method: 'GET', path: '/metrics', ...options });
  if (status === 200) return text;
  // Not found, not allowed, or not switched on.
  if (status === 404 || status === 405 || status === 501) return '';
  throw new AppError('WORKER_FAILED', `The engine's metrics answered ${status}`, {
    hint: 'Look at its log: mem-agent worker logs',
  });
}

export function parseEngineFigures(text: string): EngineFigures {
  const figures: { -readonly [key in keyof EngineFigures]: EngineFigures[key] } = { ...UNKNOWN_FIGURES };
  for (const line of parsePrometheusText(text, ENGINE_PREFIXES)) {
    if (line.kind !== 'sample') continue;
    const value = Number(line.value);
    if (!Number.isFinite(value) || value < 0) continue;
    const figure = Object.hasOwn(SUMMED, line.name) ? SUMMED[line.name] : undefined;
    if (figure !== undefined) figures[figure] = (figures[figure] ?? 0) + value;
    else if (KV_CACHE.has(line.name)) figures.kvCacheUsageRatio = Math.max(figures.kvCacheUsageRatio ?? 0, value);
  }
  return figures;
}

interface Family {
  help: string | null;
  type: MetricType | null;
  /** Series (name and labels) to value; the first of two equals stays. */
  series: Map<string, string>;
}

/** `vllm:num_requests_running{…} 1` becomes `memagent_engine_vllm_num_requests_running{…,worker="…"} 1`. */
export function relabelEngineMetrics(text: string, worker: string): string {
  const lines = [...parsePrometheusText(text, ENGINE_PREFIXES)].filter((line) => line.name.length <= LONGEST_NAME);
  const families = declaredFamilies(lines);
  for (const line of lines) {
    if (line.kind !== 'sample' || line.labels.length > MOST_LABELS) continue;
    const name = exportedName(line.name);
    const family = familyOf(name, line.labels, families);
    if (family === null) continue;
    const series = `${name}{${labelText(line.labels, worker)}}`;
    if (!family.series.has(series)) family.series.set(series, line.value);
  }
  return render(families);
}

/** What HELP and TYPE say, wherever they stand; the first of each counts. */
function declaredFamilies(lines: readonly ExpositionLine[]): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const line of lines) {
    if (line.kind === 'sample') continue;
    const family = ensureFamily(families, exportedName(line.name));
    if (line.kind === 'help') family.help ??= cut(line.help, LONGEST_HELP);
    else family.type ??= line.type;
  }
  return families;
}

/** Null when a series does not fit the type that its family was given. */
function familyOf(
  name: string,
  labels: readonly (readonly [string, string])[],
  families: Map<string, Family>,
): Family | null {
  const [, base, suffix] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
  const owner = base === undefined ? undefined : families.get(base);
  if (owner?.type === 'histogram' || (owner?.type === 'summary' && suffix !== 'bucket')) {
    return suffix === 'bucket' && !hasNumber(labels, 'le') ? null : owner;
  }
  const own = ensureFamily(families, name);
  if (own.type === 'histogram' || (own.type === 'summary' && !hasNumber(labels, 'quantile'))) return null;
  return own;
}

function render(families: Map<string, Family>): string {
  let text = '';
  let seriesCount = 0;
  for (const [name, { help, type, series }] of families) {
    // Half a histogram would be wrong: a family that no longer fits is left out.
    if (series.size === 0 || seriesCount + series.size > MOST_SERIES) continue;
    const block = [
      ...(help === null ? [] : [`# HELP ${name} ${escapeHelp(help)}`]),
      ...(type === null ? [] : [`# TYPE ${name} ${type}`]),
      ...Array.from(series, ([key, value]) => `${key} ${value}`),
      '',
    ].join('\n');
    if (text.length + block.length > MOST_CHARACTERS) continue;
    text += block;
    seriesCount += series.size;
  }
  return text;
}

function ensureFamily(families: Map<string, Family>, name: string): Family {
  const known = families.get(name);
  if (known !== undefined) return known;
  const fresh: Family = { help: null, type: null, series: new Map() };
  families.set(name, fresh);
  return fresh;
}

function exportedName(name: string): string {
  return `memagent_engine_${name.replaceAll(':', '_')}`;
}

/** The engine's own label `worker`, if it has one, steps aside as Prometheus itself would make it. */
function labelText(labels: readonly (readonly [string, string])[], worker: string): string {
  const renamed = new Map<string, string>();
  for (const [name, value] of labels) {
    const exported = name === 'worker' ? 'exported_worker' : name;
    if (!renamed.has(exported)) renamed.set(exported, cut(value, LONGEST_LABEL));
  }
  renamed.set('worker', worker);
  return Array.from(renamed, ([name, value]) => `${name}="${escapeLabel(value)}"`).join(',');
}

function hasNumber(labels: readonly (readonly [string, string])[], name: string): boolean {
  const value = labels.find(([label]) => label === name)?.[1];
  return value !== undefined && /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$|^[+-]?Inf$/.test(value);
}

/** Half of a pair would not be UTF-8. */
function cut(text: string, longest: number): string {
  return text.length > longest ? text.slice(0, longest).toWellFormed() : text;
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
