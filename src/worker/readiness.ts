// Whether an engine can answer: its health route, then the served name in its list, then one completion of one token.
// Guarantees: stops at the first step that fails and says what was seen and what to do; the key is never in it, and
// texts from the engine are short and on one line. The canary is the last step alone.
import { AppError, toAppError } from '../lib/app-error.ts';
import { systemClock } from '../lib/clock.ts';
import { requestEngine } from './worker-endpoint.ts';
import type { EngineResponse, WorkerEndpoint } from './worker-endpoint.ts';
import type { WorkerProbe } from './worker.ts';

const LONGEST_DETAIL = 400;
/** Of what an engine said, so that the fix after it is never cut off. */
const LONGEST_SAID = 160;
const LONGEST_NAME = 48;
const NAMES_SHOWN = 3;

export interface CanaryOptions {
  servedName: string;
  apiKey: string;
  /** Of each step. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface ReadinessOptions extends CanaryOptions {
  /** Null when the engine has no such route, or one that says nothing. */
  healthPath: string | null;
}

type ProbeStep = WorkerProbe['steps'][number];

/** Throws CANCELLED only. */
export async function probeReadiness(endpoint: WorkerEndpoint, options: ReadinessOptions): Promise<WorkerProbe> {
  const { healthPath } = options;
  const steps: ProbeStep[] = [];
  const run = async (step: ProbeStep['step'], ask: () => Promise<string>): Promise<boolean> => {
    const startedMs = systemClock.monotonicMs();
    const { ok, detail } = await outcomeOf(ask);
    steps.push({
      step,
      ok,
      durationMs: Math.round(systemClock.monotonicMs() - startedMs),
      detail: brief(detail, options.apiKey, LONGEST_DETAIL),
    });
    return ok;
  };
  const ok =
    (healthPath === null || (await run('health', () => askHealth(endpoint, healthPath, options)))) &&
    (await run('models', () => askModels(endpoint, options))) &&
    (await run('completion', () => askOneToken(endpoint, options)));
  return { ok, steps };
}

/** Throws WORKER_FAILED when the engine does not produce one token, or CANCELLED. */
export async function askCanary(endpoint: WorkerEndpoint, options: CanaryOptions): Promise<void> {
  await askOneToken(endpoint, options);
}

async function outcomeOf(ask: () => Promise<string>): Promise<{ ok: boolean; detail: string }> {
  try {
    return { ok: true, detail: await ask() };
  } catch (error) {
    const known = toAppError(error);
    if (known.code === 'CANCELLED') throw known;
    return { ok: false, detail: known.userMessage };
  }
}

async function askHealth(endpoint: WorkerEndpoint, path: string, options: CanaryOptions): Promise<string> {
  const response = await requestEngine(endpoint, { method: 'GET', path, ...credentials(options) });
  if (response.status < 200 || response.status > 299) throw refused(`${path} answered`, response, options);
  return `${path} answered ${response.status}`;
}

async function askModels(endpoint: WorkerEndpoint, options: CanaryOptions): Promise<string> {
  const response = await requestEngine(endpoint, { method: 'GET', path: '/v1/models', ...credentials(options) });
  if (response.status !== 200) throw refused('/v1/models answered', response, options);
  const names = parseModelNames(response.text);
  const { servedName } = options;
  if (names.includes(servedName)) return `/v1/models lists "${servedName}"`;
  const listed = names.slice(0, NAMES_SHOWN).map((name) => `"${brief(name, options.apiKey, LONGEST_NAME)}"`);
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  const seen = listed.length === 0 ? 'no model' : listed.join(', ') + more;
  throw new AppError('WORKER_FAILED', `/v1/models lists ${seen}, not "${servedName}"`, {
    hint: 'Set worker.served_name to a name it lists, or start it with this name',
  });
}

async function askOneToken(endpoint: WorkerEndpoint, options: CanaryOptions): Promise<string> {
  const response = await requestEngine(endpoint, {
    method: 'POST',
    path: '/v1/chat/completions',
    body: {
      model: options.servedName,
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 1,
      temperature: 0,
      stream: false,
    },
    ...credentials(options),
  });
  if (response.status !== 200) throw refused('A completion of one token was answered with', response, options);
  const answer = parseJson(response.text);
  const choices = isRecord(answer) && Array.isArray(answer['choices']) ? answer['choices'] : [];
  // A token may be an empty text, but it comes in a choice.
  if (choices.some(isRecord)) return 'one token came back';
  throw new AppError(
    'WORKER_FAILED',
    `A completion of one token was answered without a choice: ${brief(saidBy(response), options.apiKey, LONGEST_SAID)}`,
    { hint: 'The model does not generate; look at its log: mem-agent worker logs' },
  );
}

function credentials({ apiKey, timeoutMs, signal }: CanaryOptions): {
  apiKey: string;
  timeoutMs: number;
  signal: AbortSignal;
} {
  return { apiKey, timeoutMs, signal };
}

function refused(what: string, response: EngineResponse, { apiKey }: CanaryOptions): AppError {
  const said = brief(saidBy(response), apiKey, LONGEST_SAID);
  const hint =
    response.status === 401 || response.status === 403
      ? 'Check worker.api_key or worker.api_key_file'
      : response.status === 404
        ? 'Check that worker.listen is the address of an OpenAI-compatible server, and worker.served_name'
        : 'It may still be loading; look at its log: mem-agent worker logs';
  return new AppError('WORKER_FAILED', `${what} ${response.status}${said === '' ? '' : `: ${said}`}`, { hint });
}

/** What an error body says, in any of the shapes that engines use; else the body itself. */
function saidBy({ text }: EngineResponse): string {
  const body = parseJson(text);
  if (!isRecord(body)) return text;
  const error = body['error'];
  const candidates = [isRecord(error) ? error['message'] : error, body['message'], body['detail']];
  return candidates.find((candidate) => typeof candidate === 'string') ?? text;
}

function parseModelNames(text: string): string[] {
  const body = parseJson(text);
  const list: unknown[] = isRecord(body) && Array.isArray(body['data']) ? body['data'] : [];
  return list.flatMap((entry) => (isRecord(entry) && typeof entry['id'] === 'string' ? [entry['id']] : []));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One line, short, without the key. */
function brief(text: string, apiKey: string, longest: number): string {
  const masked = apiKey === '' ? text : text.replaceAll(apiKey, '[redacted]');
  return masked
    .slice(0, longest * 4)
    .replace(/[\p{C}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim()
    .slice(0, longest);
}
