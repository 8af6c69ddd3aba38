// Finds all sources, lets the highest win key by key, checks everything, and reports every problem at once.
import { resolve } from 'node:path';
import { coerceValue } from './coerce-value.ts';
import { fillComputed } from './computed-settings.ts';
import { ConfigError } from './config-error.ts';
import type { ConfigProblem } from './config-error.ts';
import type { SettingValue } from './config-key.ts';
import { nestConfig } from './config.ts';
import type { Config } from './config.ts';
import { crossCheck } from './cross-checks.ts';
import type { Environment } from './expand-path.ts';
import { maskValue } from './mask-value.ts';
import { CONFIG_KEYS, findConfigKey } from './schema.ts';
import { readLayers } from './read-layers.ts';
import type { FlagValue } from './flag-layer.ts';
import type { Setting } from './layer.ts';
import type { LegacyFile } from './legacy-files.ts';
import { findSecret } from './secrets.ts';
import { validateValues } from './validate-values.ts';
import { expectation } from './value-rules.ts';

export interface LoadConfigInput {
  /** By name, as on the command line (`http.listen`) or as an option parser hands them over (`model.baseUrl`). */
  flags?: Readonly<Record<string, FlagValue>>;
  /** `--config FILE`. */
  configFile?: string | undefined;
  env: Environment;
  cwd: string;
  home: string;
  /** `MEM_AGENT_…` variables that are no configuration and must not be reported as unknown. */
  otherEnvNames?: readonly string[];
  /** `/etc/mem-agent`; tests put another one here. */
  systemConfigDir?: string;
}

export interface LoadedConfig {
  config: Config;
  /** Every key with its final value, unmasked. */
  values: ReadonlyMap<string, SettingValue>;
  /** Every key with who decided its value. */
  sources: ReadonlyMap<string, string>;
  warnings: readonly string[];
  configDir: string;
  cwd: string;
  /** The TOML files that were read, lowest first. */
  files: readonly string[];
  /** Where files of the Python original may be, and what they looked like when this was loaded. */
  legacyFiles: readonly LegacyFile[];
}

/** Throws `ConfigError` with all problems. Reads files only; makes nothing. */
export function loadConfig(input: LoadConfigInput): LoadedConfig {
  const problems: ConfigProblem[] = [];
  const { layers, configDir, files, legacyFiles } = readLayers(input, problems);
  const winners = new Map<string, Setting>();
  // Lowest layer first, so that higher ones overwrite.
  for (const layer of layers) for (const [key, setting] of layer) winners.set(key, setting);

  const given = coerceAll(winners, input.home, problems);
  const warnings: string[] = [];
  const sources = new Map(CONFIG_KEYS.map(({ key }) => [key, winners.get(key)?.source ?? 'default']));
  addSecrets({ input, winners, given, sources }, problems, warnings);

  const { values, broken } = validateValues(given);
  const report = (key: string, message: string, fix: string): void => {
    const row = findConfigKey(key);
    const value = row === undefined ? '' : maskValue(row, values.get(key));
    problems.push({ key, source: sources.get(key) ?? 'default', value, message, fix });
  };
  for (const { key, message } of broken) report(key, message, correctionOf(key));
  if (problems.length > 0) throw new ConfigError(problems);

  fillComputed({ values, sources, env: input.env, cwd: input.cwd, home: input.home });
  for (const { key, message, fix } of crossCheck(values)) report(key, message, fix);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    config: nestConfig(values),
    values,
    sources,
    warnings,
    configDir,
    cwd: resolve(input.cwd),
    files,
    legacyFiles,
  };
}

function coerceAll(
  winners: ReadonlyMap<string, Setting>,
  home: string,
  problems: ConfigProblem[],
): Map<string, SettingValue> {
  const given = new Map<string, SettingValue>();
  for (const [key, setting] of winners) {
    const row = findConfigKey(key);
    if (row === undefined) continue;
    const value = coerceValue(row, setting, home);
    if (value === undefined) {
      const message = `it must be ${expectation(row)}`;
      problems.push({
        key,
        source: setting.source,
        value: maskValue(row, setting.raw),
        message,
        fix: correctionOf(key),
      });
    } else {
      given.set(key, value);
    }
  }
  return given;
}

interface SecretContext {
  input: LoadConfigInput;
  winners: ReadonlyMap<string, Setting>;
  given: Map<string, SettingValue>;
  sources: Map<string, string>;
}

function addSecrets(
  { input, winners, given, sources }: SecretContext,
  problems: ConfigProblem[],
  warnings: string[],
): void {
  for (const row of CONFIG_KEYS) {
    if (row.type !== 'secret') continue;
    const fileKey = `${row.key}_file`;
    const file = { path: String(given.get(fileKey) ?? ''), source: winners.get(fileKey)?.source ?? 'default' };
    const secret = findSecret({ row, given: winners.get(row.key), file, env: input.env }, problems, warnings);
    if (secret === undefined) continue;
    given.set(row.key, secret.value);
    sources.set(row.key, secret.source);
  }
}

function correctionOf(key: string): string {
  const row = findConfigKey(key);
  if (row === undefined || row.default === '' || typeof row.default === 'object') return `Correct ${key} there`;
  return `Correct ${key} there, or leave it out for the default, ${String(row.default)}`;
}
