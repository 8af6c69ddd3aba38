// The manual pages: mem-agent(8) from a text with the program's own commands put in, mem-agent.toml(5) from the table of
// settings. Guarantees: what is roff in a text is written so that it shows as it is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigKey } from '../../src/config/config-key.ts';
import { envNameOf } from '../../src/config/config-key.ts';
import { CONFIG_KEYS } from '../../src/config/schema.ts';
import type { CommandEntry } from './command-list.ts';

export function renderProgramManual(commands: readonly CommandEntry[], version: string): string {
  const [program, ...others] = commands;
  return readFileSync(join(import.meta.dirname, 'mem-agent.8.in'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@COMMANDS@', () => others.filter(isLeaf).map(renderCommand).join('\n'))
    .replace('@OPTIONS@', () => (program?.options ?? []).map(renderOption).join('\n'));
}

export function renderConfigManual(version: string): string {
  return readFileSync(join(import.meta.dirname, 'mem-agent.toml.5.in'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@KEYS@', () => CONFIG_KEYS.map(renderKey).join('\n'));
}

function isLeaf(entry: CommandEntry): boolean {
  return entry.subcommands.length === 0;
}

function renderCommand({ path, usage, description, options }: CommandEntry): string {
  const own = options.filter(({ names }) => !names.includes('--help'));
  const inner = own.length === 0 ? '' : `\n.RS\n${own.map(renderOption).join('\n')}\n.RE`;
  return `.TP\n.B ${roff(path)} ${roff(usage.replace('[options]', own.length === 0 ? '' : '[options]').trim())}\n${roff(description)}${inner}`;
}

function renderOption({ flags, description }: { flags: string; description: string }): string {
  return `.TP\n.B ${roff(flags)}\n${roff(description)}`;
}

function renderKey(row: ConfigKey): string {
  const facts = [
    row.choices === undefined ? row.type : `one of ${row.choices.map((choice) => JSON.stringify(choice)).join(', ')}`,
    row.min !== undefined && row.max !== undefined ? `${row.min} to ${row.max}` : '',
    row.type === 'secret' ? `a credential of that name or ${row.key}_file` : `default ${JSON.stringify(row.default)}`,
    row.computed === undefined ? '' : `empty: ${row.computed}`,
    row.reloadable === true ? 'reload' : '',
    envNameOf(row.key),
  ];
  const known = facts.filter((fact) => fact !== '').join('; ');
  return `.TP\n.B ${roff(row.key)}\n${roff(row.doc)}\n.br\n${roff(known)}`;
}

/** A backslash, a dash that must stay one, and a dot or quote at the start of a line mean something to roff. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/, '\\&$1');
}
