// Command line flags to a layer: `--http.max-body-bytes 4096`, `--http.legacy-sessions`, lists repeated or with commas.
import type { ConfigProblem } from './config-error.ts';
import { flagNameOf } from './config-key.ts';
import type { ConfigKey } from './config-key.ts';
import { textSetting, unknownKeyProblem } from './layer.ts';
import type { Layer } from './layer.ts';
import { MASK } from './mask-value.ts';
import { CONFIG_KEYS, findConfigKey } from './schema.ts';

export type FlagValue = string | boolean | readonly string[] | undefined;

/** A flag the command line registers for one key. */
export interface ConfigFlag {
  key: string;
  /** With its two dashes. */
  flag: string;
  doc: string;
  /** A bool may stand alone, a list may be repeated. */
  value: 'required' | 'optional' | 'repeated';
}

/** A flag for every key but the secrets: what is on a command line, every user of the machine can read. */
export function listConfigFlags(): ConfigFlag[] {
  return CONFIG_KEYS.filter((row) => row.type !== 'secret').map((row) => ({
    key: row.key,
    flag: flagNameOf(row.key),
    doc: row.doc,
    value: row.type === 'bool' ? 'optional' : row.type === 'list' ? 'repeated' : 'required',
  }));
}

/** Names may be spelled as on the command line or as an option parser hands them over (`http.maxBodyBytes`). */
export function readFlagLayer(
  flags: Readonly<Record<string, FlagValue>>,
  cwd: string,
  problems: ConfigProblem[],
): Layer {
  const layer: Layer = new Map();
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const key = keyOfFlag(name);
    const row = findConfigKey(key);
    if (row === undefined) {
      problems.push(unknownKeyProblem(flagNameOf(key), 'the command line', 'flag'));
      continue;
    }
    const flag = flagNameOf(key);
    const refusal = refuseFlag(row, value);
    if (refusal === undefined) layer.set(key, textSetting(flagText(row, value), `flag ${flag}`, 'flag', cwd));
    else problems.push({ key, source: `flag ${flag}`, ...refusal });
  }
  return layer;
}

function keyOfFlag(name: string): string {
  return name
    .replace(/^--/, '')
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replaceAll('-', '_');
}

function flagText(row: ConfigKey, value: string | boolean | readonly string[]): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return String(value);
  return row.type === 'list' ? value.join(',') : (value.at(-1) ?? '');
}

function refuseFlag(row: ConfigKey, value: FlagValue): Pick<ConfigProblem, 'value' | 'message' | 'fix'> | undefined {
  if (row.type === 'secret') {
    const fix = `Put it in a file only you can read and use ${flagNameOf(row.key)}-file`;
    return { value: MASK, message: 'every user of this machine can see the command line', fix };
  }
  if (typeof value === 'boolean' && row.type !== 'bool') {
    return { value: '', message: 'the flag needs a value', fix: `Write ${flagNameOf(row.key)} VALUE` };
  }
  return undefined;
}
