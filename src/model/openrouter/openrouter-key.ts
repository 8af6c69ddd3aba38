// What OpenRouter says of our key: whether it is good, and what it may still spend. Asked at most once a minute.
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { Clock } from '../../lib/clock.ts';

export interface KeyStatus {
  /** `unknown`: not asked yet. `refused`: OpenRouter does not know it. `unreachable`: the figures are the last ones. */
  state: 'unknown' | 'ok' | 'refused' | 'unreachable';
  reason: string;
  /** US dollars; null is no limit, or not known. */
  limitUsd: number | null;
  remainingUsd: number | null;
  usageUsd: number | null;
  usageDailyUsd: number | null;
  usageMonthlyUsd: number | null;
  isFreeTier: boolean | null;
  /** On the wall clock; null before the first answer. */
  checkedAtMs: number | null;
}

const LEAST_INTERVAL_MS = 60_000;

const UNKNOWN: KeyStatus = {
  state: 'unknown',
  reason: 'not asked yet',
  limitUsd: null,
  remainingUsd: null,
  usageUsd: null,
  usageDailyUsd: null,
  usageMonthlyUsd: null,
  isFreeTier: null,
  checkedAtMs: null,
};

export class OpenRouterKey {
  readonly #fetch: () => Promise<string>;
  readonly #clock: Clock;
  #status = UNKNOWN;
  #asked: { atMs: number; answer: Promise<KeyStatus> } | null = null;

  /** `fetch` gives the body of `/key`; throws as the backend's other requests do. */
  constructor(fetch: () => Promise<string>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  get status(): KeyStatus {
    return this.#status;
  }

  /** Never rejects. Within a minute of the last question its answer is given again. */
  check(): Promise<KeyStatus> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#asked === null || nowMs - this.#asked.atMs >= LEAST_INTERVAL_MS) {
      this.#asked = { atMs: nowMs, answer: this.#ask() };
    }
    return this.#asked.answer;
  }

  async #ask(): Promise<KeyStatus> {
    try {
      this.#status = { ...parseKey(await this.#fetch()), checkedAtMs: this.#clock.nowMs() };
    } catch (thrown) {
      const error = toAppError(thrown);
      const state = error.code === 'MODEL_FAILED' ? 'refused' : 'unreachable';
      this.#status = { ...this.#status, state, reason: error.message };
    }
    return this.#status;
  }
}

export interface KeyWatchOptions {
  /** `OpenRouterBackend.checkKey`. */
  check(): Promise<KeyStatus>;
  /** At least a minute. */
  intervalMs: number;
  onStatus(status: KeyStatus): void;
}

/** Asks now and then again and again; ends with `Symbol.dispose`. */
export function startKeyWatch({ check, intervalMs, onStatus }: KeyWatchOptions): Disposable {
  let isEnded = false;
  const look = async (): Promise<void> => {
    const status = await check();
    if (!isEnded) onStatus(status);
  };
  void look();
  const timer = setInterval(() => void look(), Math.max(intervalMs, LEAST_INTERVAL_MS)).unref();
  return {
    [Symbol.dispose]() {
      isEnded = true;
      clearInterval(timer);
    },
  };
}

function parseKey(body: string): Omit<KeyStatus, 'checkedAtMs'> {
  const json: unknown = JSON.parse(body);
  const data: unknown = typeof json === 'object' && json !== null ? Reflect.get(json, 'data') : null;
  if (typeof data !== 'object' || data === null) {
    throw new AppError('MODEL_PROTOCOL', 'OpenRouter did not answer /key as it should', {
      hint: 'Check openrouter.base_url',
    });
  }
  const usd = (name: string): number | null => {
    const value: unknown = Reflect.get(data, name);
    return typeof value === 'number' && Number.isFinite(value) ? value : null;
  };
  const remainingUsd = usd('limit_remaining');
  const isFreeTier: unknown = Reflect.get(data, 'is_free_tier');
  return {
    state: 'ok',
    reason: remainingUsd === null ? 'the key has no limit' : `$${Number(remainingUsd.toFixed(4))} are left`,
    limitUsd: usd('limit'),
    remainingUsd,
    usageUsd: usd('usage'),
    usageDailyUsd: usd('usage_daily'),
    usageMonthlyUsd: usd('usage_monthly'),
    isFreeTier: typeof isFreeTier === 'boolean' ? isFreeTier : null,
  };
}
