// One entry of `memory.roots`: NAME=VALUE pairs, so that it reads the same in TOML, in the environment and on the command line.
// A value with spaces stands in double quotes.

export interface RootEntry {
  /** What keys and metrics call it; `default` is the root at memory.dir. */
  name: string;
  path: string;
  /** Null: as memory.max_root_bytes and memory.max_file_bytes say. */
  maxRootBytes: number | null;
  maxFileBytes: number | null;
  isReadOnly: boolean;
}

const BYTES = /^[1-9]\d{3,12}$/;

/** `value` says what a pair's value must be; null: it is right. */
const PAIRS: Readonly<Record<string, (value: string) => string | null>> = {
  name: (value) => (/^[a-z0-9][a-z0-9_-]{0,31}$/.test(value) ? null : 'at most 32 lower-case letters, digits, - and _'),
  path: (value) => (value.startsWith('/') && !value.includes('\0') ? null : 'an absolute path'),
  max_bytes: (value) => (BYTES.test(value) ? null : 'a number of bytes, 1000 or more'),
  max_file_bytes: (value) => (BYTES.test(value) ? null : 'a number of bytes, 1000 or more'),
  readonly: (value) => (value === 'true' || value === 'false' ? null : 'true or false'),
};

/** The entries of a list that has passed `rootsProblem`. */
export function parseRootEntries(entries: readonly string[]): RootEntry[] {
  return entries.map((entry) => {
    const { pairs } = split(entry);
    const bytes = (name: string): number | null => (pairs[name] === undefined ? null : Number(pairs[name]));
    return {
      name: pairs['name'] ?? '',
      path: pairs['path'] ?? '',
      maxRootBytes: bytes('max_bytes'),
      maxFileBytes: bytes('max_file_bytes'),
      isReadOnly: pairs['readonly'] === 'true',
    };
  });
}

/** The first thing that is wrong with the list, or undefined. Whether two directories meet is a cross check's question. */
export function rootsProblem(entries: readonly string[]): string | undefined {
  const names = new Set(['default']);
  for (const [index, entry] of entries.entries()) {
    const at = `entry ${index + 1}`;
    const { pairs, rest } = split(entry);
    if (rest.length > 0) return `${at}: write pairs like name=work path=/srv/work, each known one once`;
    for (const [name, value] of Object.entries(pairs)) {
      const rule = PAIRS[name];
      if (rule === undefined) return `${at}: there is no ${name}; known are ${Object.keys(PAIRS).join(', ')}`;
      const wanted = rule(value);
      if (wanted !== null) return `${at}: ${name} must be ${wanted}`;
    }
    const { name, path } = pairs;
    if (name === undefined || path === undefined) return `${at} needs a name and a path`;
    if (names.has(name)) return `${at}: the name ${name} is taken`;
    names.add(name);
  }
  return undefined;
}

function split(entry: string): { pairs: Readonly<Record<string, string>>; rest: string[] } {
  const pairs: Record<string, string> = {};
  const rest: string[] = [];
  for (const [word] of entry.matchAll(/(?:[^\s"]|"[^"]*"?)+/g)) {
    const at = word.indexOf('=');
    const name = word.slice(0, Math.max(0, at));
    if (at > 0 && !Object.hasOwn(pairs, name)) pairs[name] = word.slice(at + 1).replaceAll('"', '');
    else rest.push(word);
  }
  return { pairs, rest };
}
