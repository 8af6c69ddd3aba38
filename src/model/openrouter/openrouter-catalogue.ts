// Which models OpenRouter offers, and under which other name each of ours answers: `anthropic/claude-sonnet-4` says of itself
// that it is `anthropic/claude-4-sonnet-20250522`.
import type { Clock } from '../../lib/clock.ts';
import { parseModelNames } from '../model-discovery.ts';

const FRESH_MS = 3_600_000;
/** Ways to route to a model, not models of their own. `:free` is: its providers keep other rules. */
const ROUTING_SUFFIX = /:(?:nitro|floor|exacto|online)$/;

export class OpenRouterCatalogue {
  readonly #fetch: () => Promise<string>;
  readonly #clock: Clock;
  #known: { slugs: ReadonlyMap<string, string>; atMs: number } | null = null;

  /** `fetch` gives the body of `/models`. */
  constructor(fetch: () => Promise<string>, clock: Clock) {
    this.#fetch = fetch;
    this.#clock = clock;
  }

  async names(): Promise<readonly string[]> {
    return parseModelNames(await this.#fetch());
  }

  /** Whether the model that answered is one of those that were asked. */
  async isOneOf(answered: string, asked: readonly string[]): Promise<boolean> {
    const plain = asked.map((model) => model.replace(ROUTING_SUFFIX, ''));
    if (asked.includes(answered) || plain.includes(answered)) return true;
    const slugs = await this.#slugs();
    return plain.some((model) => slugs.get(model) === answered);
  }

  async #slugs(): Promise<ReadonlyMap<string, string>> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#known === null || nowMs - this.#known.atMs > FRESH_MS) {
      this.#known = { slugs: parseSlugs(await this.#fetch()), atMs: nowMs };
    }
    return this.#known.slugs;
  }
}

function parseSlugs(body: string): Map<string, string> {
  const slugs = new Map<string, string>();
  const json: unknown = JSON.parse(body);
  const data = typeof json === 'object' && json !== null && 'data' in json && Array.isArray(json.data) ? json.data : [];
  for (const entry of data as unknown[]) {
    if (typeof entry !== 'object' || entry === null || !('id' in entry) || !('canonical_slug' in entry)) continue;
    if (typeof entry.id === 'string' && typeof entry.canonical_slug === 'string') {
      slugs.set(entry.id, entry.canonical_slug);
    }
  }
  return slugs;
}
