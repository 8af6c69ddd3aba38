// Every key with its value, who decided it, and whether a reload is enough to change it. Secrets are masked.
import type { SettingValue } from './config-key.ts';
import type { LoadedConfig } from './load-config.ts';
import { maskList, maskValue } from './mask-value.ts';
import { CONFIG_KEYS } from './schema.ts';

export interface ExplainedKey {
  key: string;
  /** Masked; numbers, booleans and lists keep their type. */
  value: SettingValue;
  source: string;
  doc: string;
  /** The default, or in words how it is found. */
  default: SettingValue;
  reloadable: boolean;
}

export function explainConfig(loaded: LoadedConfig): ExplainedKey[] {
  return CONFIG_KEYS.map((row) => {
    const value = loaded.values.get(row.key) ?? row.default;
    return {
      key: row.key,
      value:
        typeof value === 'string' ? maskValue(row, value) : typeof value === 'object' ? maskList(row, value) : value,
      source: loaded.sources.get(row.key) ?? 'default',
      doc: row.doc,
      default: row.computed ?? row.default,
      reloadable: row.reloadable === true,
    };
  });
}
