// Secrets: from systemd's credentials, from the file a `…_file` key names, from the environment, at last from TOML.
// The last two work with a warning. What loses against another source is named, never its value.
import { join } from 'node:path';
import type { ConfigProblem } from './config-error.ts';
import type { ConfigKey } from './config-key.ts';
import type { Environment } from './expand-path.ts';
import type { Setting } from './layer.ts';
import { isReadableByOthers, readTextFile } from './read-text-file.ts';

export interface SecretInput {
  row: ConfigKey;
  /** What the layers say about the key itself. */
  given: Setting | undefined;
  /** The value of its `…_file` key, absolute or empty, and who set it. */
  file: { path: string; source: string };
  env: Environment;
}

export interface FoundSecret {
  value: string;
  source: string;
}

export function findSecret(
  { row, given, file, env }: SecretInput,
  problems: ConfigProblem[],
  warnings: string[],
): FoundSecret | undefined {
  const credentials = env['CREDENTIALS_DIRECTORY'] ?? '';
  const path = credentials === '' ? '' : join(credentials, row.key);
  const candidates: FoundSecret[] = [];
  const credential = path === '' ? undefined : readSecretFile(row.key, path, path, false, problems);
  if (credential !== undefined) candidates.push({ value: credential, source: path });
  if (file.path !== '') {
    const value = readSecretFile(`${row.key}_file`, file.path, file.source, true, problems);
    if (value !== undefined) candidates.push({ value, source: file.path });
    if (value !== undefined && isReadableByOthers(file.path)) {
      warnings.push(`${file.path} holds ${row.key} and others can read it: run "chmod 600 ${file.path}"`);
    }
  }
  if (given !== undefined && typeof given.raw === 'string' && given.raw.trim() !== '') {
    candidates.push({ value: given.raw.trim(), source: given.source });
  }
  const [winner, ...losers] = candidates;
  for (const loser of losers)
    warnings.push(`${row.key} from ${loser.source} is not used: ${winner?.source} comes first`);
  if (winner !== undefined && given !== undefined && winner.source === given.source) {
    const seenBy = given.kind === 'env' ? 'other processes of this user can see it' : 'configuration files get copied';
    warnings.push(`${row.key} comes from ${given.source}: ${seenBy}; use a credential or ${row.key}_file instead`);
  }
  return winner;
}

/** The key in a file that no row of the table names, or undefined when there is none to read. */
export function readSecretText(path: string): string | undefined {
  const file = readTextFile(path);
  const text = file.kind === 'text' ? file.text.trim() : '';
  return text === '' ? undefined : text;
}

function readSecretFile(
  key: string,
  path: string,
  source: string,
  required: boolean,
  problems: ConfigProblem[],
): string | undefined {
  const file = readTextFile(path);
  if (file.kind === 'text' && file.text.trim() !== '') return file.text.trim();
  if (file.kind === 'missing' && !required) return undefined;
  const { message, fix } =
    file.kind === 'failed'
      ? { message: file.problem.message, fix: `Let the user of mem-agent read ${path}` }
      : {
          message: file.kind === 'missing' ? 'there is no such file' : 'the file is empty',
          fix: `Put the key in ${path}`,
        };
  problems.push({ key, source, value: path, message, fix });
  return undefined;
}
