// Writes the shipped example, config/mem-agent.toml, from the table: every key with its documentation and default.
import { envNameOf } from './config-key.ts';
import type { ConfigKey, SettingValue } from './config-key.ts';
import { CONFIG_KEYS } from './schema.ts';

const HEAD = `# mem-agent: every key with its default. Remove the "#" before a key to change it.
# Sources, the highest first: command line (--http.listen ADDRESS), environment (MEM_AGENT_HTTP_LISTEN), --config FILE,
# conf.d/*.toml beside config.toml, config.toml, files of the Python original, the defaults below.
# "mem-agent config check" finds mistakes; "mem-agent config print --explain" shows which source won.
# Keys marked (reload) change with "systemctl reload mem-agent" or SIGHUP; the others need a restart.
`;

export function renderExampleConfig(): string {
  const lines = [HEAD];
  let section = '';
  for (const row of CONFIG_KEYS) {
    const [rowSection = '', name = ''] = row.key.split('.');
    if (rowSection !== section) lines.push(`${section === '' ? '' : '\n'}[${rowSection}]`);
    section = rowSection;
    lines.push(...describe(row), `#${name} = ${tomlValue(row.default)}`, '');
  }
  return `${lines
    .join('\n')
    .replaceAll(/\n{3,}/g, '\n\n')
    .trimEnd()}\n`;
}

function describe(row: ConfigKey): string[] {
  const lines = [`# ${row.doc}${row.reloadable === true ? ' (reload)' : ''}`];
  if (row.choices !== undefined) lines.push(`# One of: ${row.choices.map((choice) => `"${choice}"`).join(', ')}.`);
  if (row.min !== undefined && row.max !== undefined) lines.push(`# From ${row.min} to ${row.max}.`);
  if (row.computed !== undefined) lines.push(`# Empty: ${row.computed}.`);
  if (row.type === 'secret')
    lines.push(`# Not for this file: a systemd credential named ${row.key}, or ${row.key}_file.`);
  const old = [...(row.legacyEnv ?? []), ...(row.legacyFile === undefined ? [] : [`the file ${row.legacyFile}`])];
  if (old.length > 0) lines.push(`# Environment: ${envNameOf(row.key)}; also read: ${old.join(', ')}.`);
  return lines;
}

function tomlValue(value: SettingValue): string {
  // JSON text and JSON lists of text are TOML too.
  return JSON.stringify(value);
}
