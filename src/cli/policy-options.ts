// The flags of `keys create` and `keys set` that say what a key may do beyond its scopes, and the same in words for a table.
import { InvalidArgumentError, type Command } from 'commander';
import type { Limits, Policy } from '../auth/policy.ts';

export interface PolicyOptions {
  policy?: Policy;
  owner?: string;
  label?: Record<string, string>;
  readPath?: string[];
  writePath?: string[];
  tool?: string[];
  cidr?: string[];
  limit?: Limits;
}

const LIMITS = [
  'requestsPerMinute',
  'concurrentRuns',
  'tokensPerDay',
  'tokensPerMonth',
  'usdPerDay',
  'usdPerMonth',
] as const;
const LIMIT_NAMES = `${LIMITS.join(', ')}, or TOOL for its calls a minute`;

export function addPolicyOptions(command: Command): Command {
  return command
    .option('--owner <who>', 'who answers for the key')
    .option('--label <name=value>', 'a label; may be given again', collectPair)
    .option('--read-path <path>', 'it sees only this folder ("projects/") or note; may be given again', collect)
    .option('--write-path <path>', 'it writes only here; may be given again', collect)
    .option('--tool <name>', 'it may call only this tool; may be given again', collect)
    .option('--cidr <range>', 'it may call only from here; may be given again', collect)
    .option('--limit <name=value>', `a limit: ${LIMIT_NAMES}; may be given again`, collectLimit)
    .option('--policy <json>', 'the whole policy instead; "{}" takes every restriction away', parsePolicyJson);
}

/** What the flags make of a policy; undefined when none was given. */
export function policyFrom(options: PolicyOptions, current: Policy): Policy | undefined {
  const { policy = current, owner, label, readPath, writePath, tool, cidr, limit } = options;
  const given: Policy = {
    ...(owner !== undefined && { owner }),
    ...(label !== undefined && { labels: label }),
    ...(readPath !== undefined && { readPaths: readPath }),
    ...(writePath !== undefined && { writePaths: writePath }),
    ...(tool !== undefined && { tools: tool }),
    ...(cidr !== undefined && { cidrs: cidr }),
    ...(limit !== undefined && { limits: limit }),
  };
  return options.policy === undefined && Object.keys(given).length === 0 ? undefined : { ...policy, ...given };
}

export function policyText({ owner, readPaths, writePaths, tools, cidrs, limits }: Policy): string {
  const parts = [
    owner === undefined ? '' : `owner ${owner}`,
    readPaths === undefined ? '' : `reads ${readPaths.join(' ')}`,
    writePaths === undefined ? '' : `writes ${writePaths.join(' ') || 'nothing'}`,
    tools === undefined ? '' : `tools ${tools.join(' ') || 'none'}`,
    cidrs === undefined ? '' : `from ${cidrs.join(' ')}`,
    limits === undefined ? '' : 'limits',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'no restrictions' : parts.join(', ');
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}

function collectPair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const { name, value } = splitPair(text);
  return { ...before, [name]: value };
}

function collectLimit(text: string, before: Limits = {}): Limits {
  const { name, value } = splitPair(text);
  const amount = Number(value);
  if (value.trim() === '' || !Number.isFinite(amount))
    throw new InvalidArgumentError(`The value of ${name} is no number.`);
  const known = LIMITS.find((limit) => limit === name);
  if (known !== undefined) return { ...before, [known]: amount };
  // A mistyped limit is told as one: no tool has capitals in its name.
  if (/[A-Z]/.test(name)) throw new InvalidArgumentError(`There is no limit ${name}. There are ${LIMIT_NAMES}.`);
  // Whatever else it is, the daemon knows its tools and says so.
  return { ...before, toolCallsPerMinute: { ...before.toolCallsPerMinute, [name]: amount } };
}

function splitPair(text: string): { name: string; value: string } {
  const at = text.indexOf('=');
  if (at > 0) return { name: text.slice(0, at), value: text.slice(at + 1) };
  throw new InvalidArgumentError('Write it as NAME=VALUE.');
}

function parsePolicyJson(text: string): Policy {
  try {
    // The daemon judges what is in it.
    return JSON.parse(text) as Policy;
  } catch {
    throw new InvalidArgumentError('It is not JSON.');
  }
}
