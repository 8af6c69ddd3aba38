// One entry of `model.backends`: an address and then NAME=VALUE pairs, so that it reads the same in TOML, in the
// environment and on the command line. Secrets never stand in it, only the file they are in.

export interface BackendEntry {
  baseUrl: string;
  /** Label in metrics and in `models list`; unique. */
  name: string;
  priority: number;
  /** Empty: the first one the server lists. */
  model: string;
  /** Empty: local on loopback, otherwise cloud. */
  trust: '' | 'local' | 'cloud';
  apiKeyFile: string;
  paid: boolean;
}

const DEFAULT_PRIORITY = 20;
const RESERVED_NAMES = ['worker', 'openai', 'openrouter', 'builtin'];

type Pairs = Readonly<Record<string, string>>;

/** `value` says what a pair's value must be; null: it is right. */
const PAIRS: Readonly<Record<string, (value: string) => string | null>> = {
  name: (value) => (/^[a-z0-9][a-z0-9_-]{0,31}$/.test(value) ? null : 'at most 32 lower-case letters, digits, - and _'),
  priority: (value) => (/^\d{1,3}$|^1000$/.test(value) ? null : 'a whole number from 0 to 1000'),
  model: (value) => (value === '' ? 'the name of a model' : null),
  trust: (value) => (value === 'local' || value === 'cloud' ? null : 'local or cloud'),
  api_key_file: (value) => (value.startsWith('/') ? null : 'an absolute path'),
  paid: (value) => (value === 'true' || value === 'false' ? null : 'true or false'),
};

/** The entries of a list that has passed `backendsProblem`. */
export function parseBackendEntries(entries: readonly string[]): BackendEntry[] {
  return entries.map((entry, index) => {
    const { baseUrl, pairs } = split(entry);
    return {
      baseUrl,
      name: pairs['name'] ?? `server${index + 1}`,
      priority: Number(pairs['priority'] ?? DEFAULT_PRIORITY),
      model: pairs['model'] ?? '',
      trust: pairs['trust'] === 'local' || pairs['trust'] === 'cloud' ? pairs['trust'] : '',
      apiKeyFile: pairs['api_key_file'] ?? '',
      paid: pairs['paid'] === 'true',
    };
  });
}

/** The first thing that is wrong with the list, or undefined. An entry is not quoted whole: it may hold a secret. */
export function backendsProblem(
  entries: readonly string[],
  urlProblem: (url: string) => string | undefined,
): string | undefined {
  const names = new Set<string>(RESERVED_NAMES);
  for (const [index, entry] of entries.entries()) {
    const at = `entry ${index + 1}`;
    const { baseUrl, pairs, rest } = split(entry);
    const wrongUrl = urlProblem(baseUrl);
    if (wrongUrl !== undefined) return `${at} must begin with the address of a server: ${wrongUrl}`;
    if (rest.length > 0) return `${at}: after the address come pairs like priority=20, each known one once`;
    for (const [name, value] of Object.entries(pairs)) {
      const rule = PAIRS[name];
      if (rule === undefined) return `${at}: there is no ${name}; known are ${Object.keys(PAIRS).join(', ')}`;
      const wanted = rule(value);
      if (wanted !== null) return `${at}: ${name} must be ${wanted}`;
    }
    const name = pairs['name'] ?? `server${index + 1}`;
    if (names.has(name)) return `${at}: the name ${name} is taken`;
    names.add(name);
  }
  return undefined;
}

function split(entry: string): { baseUrl: string; pairs: Pairs; rest: string[] } {
  const [baseUrl = '', ...words] = entry.trim().split(/\s+/);
  const pairs: Record<string, string> = {};
  const rest: string[] = [];
  for (const word of words) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(0, at));
    if (at > 0 && !Object.hasOwn(pairs, name)) pairs[name] = word.slice(at + 1);
    else rest.push(word);
  }
  return { baseUrl, pairs, rest };
}
