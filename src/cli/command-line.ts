// Parts a command line into configuration flags (`--http.listen x`) and the rest, which commander reads.
// Guarantees: what is no configuration flag keeps its order; an unknown `--a.b` goes to the loader, which names the nearest key.
import { listConfigFlags, type FlagValue } from '../config/flag-layer.ts';

export interface CommandLine {
  /** Names without dashes in front, as written. */
  configFlags: Record<string, FlagValue>;
  /** The same flags as they were typed; handed on to a daemon that is started. */
  configArguments: string[];
  rest: string[];
}

export function parseCommandLine(argv: readonly string[]): CommandLine {
  const kinds = new Map(listConfigFlags().map(({ flag, value }) => [flag, value]));
  const line: CommandLine = { configFlags: {}, configArguments: [], rest: [] };
  for (let index = 0; index < argv.length; index++) {
    const argument = argv[index] ?? '';
    if (argument === '--') {
      line.rest.push(...argv.slice(index));
      break;
    }
    const match = /^(--[a-z][\w-]*\.[\w.-]+)(?:=([\s\S]*))?$/i.exec(argument);
    const flag = match?.[1];
    if (flag === undefined) {
      line.rest.push(argument);
      continue;
    }
    const next = argv[index + 1];
    let value: string | true = match?.[2] ?? true;
    if (match?.[2] === undefined && next !== undefined && takesNext(kinds.get(flag), next)) {
      value = next;
      index++;
    }
    addFlag(line.configFlags, flag.slice(2), value);
    line.configArguments.push(value === true ? flag : `${flag}=${value}`);
  }
  return line;
}

/** A bool stands alone unless a word that reads as one follows; everything else takes what comes, but no other flag. */
function takesNext(kind: 'required' | 'optional' | 'repeated' | undefined, next: string): boolean {
  if (kind === 'optional') return /^(true|false|yes|no|on|off|0|1)$/i.test(next);
  return !next.startsWith('--');
}

function addFlag(flags: Record<string, FlagValue>, name: string, value: string | true): void {
  const before = flags[name];
  if (typeof before === 'string' && typeof value === 'string') flags[name] = [before, value];
  else if (Array.isArray(before) && typeof value === 'string') flags[name] = [...before, value];
  else flags[name] = value;
}
