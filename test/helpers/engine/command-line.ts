// Command lines as Python's argparse reads them: long and short flags, `--flag=value`, lists, and usage on an error.
// Guarantee: what is not in the table ends the process with code 2, as the real program does.

export type FlagKind = 'text' | 'number' | 'list' | 'switch';

export interface CommandLine {
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  list(name: string): string[];
  has(name: string): boolean;
  positionals: string[];
}

export interface Grammar {
  program: string;
  flags: Record<string, FlagKind>;
  /** Short or other names of flags. */
  aliases?: Record<string, string>;
  maxPositionals: number;
  exitCode?: number;
}

/** `--no-NAME` is known for every switch, and `_` counts as `-`. */
export function parseCommandLine(args: readonly string[], grammar: Grammar): CommandLine {
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  const unknown: string[] = [];
  const rest = [...args];
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (!argument.startsWith('-') || argument === '-') {
      if (positionals.length < grammar.maxPositionals) positionals.push(argument);
      else unknown.push(argument);
      continue;
    }
    const [written, inline] = splitOnce(argument);
    const name = nameOf(written, grammar);
    const kind = grammar.flags[name];
    if (kind === 'switch') values.set(name, ['true']);
    else if (kind === undefined) {
      if (grammar.flags[name.replace(/^no-/, '')] === 'switch') values.delete(name.replace(/^no-/, ''));
      else unknown.push(argument);
    } else values.set(name, takeValues(written, kind, inline, rest, grammar));
  }
  if (unknown.length > 0) fail(grammar, `unrecognized arguments: ${unknown.join(' ')}`);
  return {
    text: (name) => values.get(name)?.[0],
    number: (name) => toNumber(values.get(name)?.[0]),
    list: (name) => values.get(name) ?? [],
    has: (name) => values.has(name),
    positionals,
  };
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.startsWith('--') ? argument.indexOf('=') : -1;
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function nameOf(written: string, grammar: Grammar): string {
  const name = written.replace(/^-{1,2}/, '').replaceAll('_', '-');
  return grammar.aliases?.[name] ?? name;
}

function takeValues(
  written: string,
  kind: FlagKind,
  inline: string | undefined,
  rest: string[],
  grammar: Grammar,
): string[] {
  const taken = inline === undefined ? [] : [inline];
  const most = inline !== undefined ? 0 : kind === 'list' ? rest.length : 1;
  for (let count = 0; count < most && isValue(rest[0], kind); count += 1) taken.push(rest.shift() ?? '');
  if (taken.length === 0)
    fail(grammar, `argument ${written}: expected ${kind === 'list' ? 'at least ' : ''}one argument`);
  if (kind === 'number' && toNumber(taken[0]) === undefined) {
    fail(grammar, `argument ${written}: invalid int value: '${taken[0] ?? ''}'`);
  }
  return taken;
}

function isValue(next: string | undefined, kind: FlagKind): boolean {
  if (next === undefined) return false;
  return !next.startsWith('-') || (kind === 'number' && toNumber(next) !== undefined);
}

/** Plain numbers, and `32k` or `1M` as vLLM takes them. */
function toNumber(text: string | undefined): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)([kKmM]?)$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, digits, unit] = match;
  return Number(digits) * ({ k: 1000, K: 1024, m: 1e6, M: 1024 ** 2 }[unit ?? ''] ?? 1);
}

function fail(grammar: Grammar, message: string): never {
  const flags = Object.keys(grammar.flags).map((name) => `[--${name}]`);
  process.stderr.write(`usage: ${grammar.program} ${flags.join(' ')}\n${grammar.program}: error: ${message}\n`);
  process.exit(grammar.exitCode ?? 2);
}
