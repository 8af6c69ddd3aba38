// What a reload changes: the keys that take effect at once, and the ones that wait for a restart.
import type { LoadedConfig } from './load-config.ts';
import { CONFIG_KEYS } from './schema.ts';

export interface ConfigDiff {
  applied: string[];
  needRestart: string[];
}

export function diffConfig(before: LoadedConfig, after: LoadedConfig): ConfigDiff {
  const diff: ConfigDiff = { applied: [], needRestart: [] };
  for (const { key, reloadable } of CONFIG_KEYS) {
    // Lists are the only values that are no primitives.
    if (JSON.stringify(before.values.get(key)) === JSON.stringify(after.values.get(key))) continue;
    (reloadable === true ? diff.applied : diff.needRestart).push(key);
  }
  return diff;
}
