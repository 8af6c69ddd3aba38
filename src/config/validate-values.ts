// Runs the values that won through convict, with one format a row of the table, and says which ones break their rule.
import convict from 'convict';
import type { SettingValue } from './config-key.ts';
import { CONFIG_KEYS } from './schema.ts';
import { ruleProblem } from './value-rules.ts';

export interface BrokenRule {
  key: string;
  message: string;
}

/** All values with the defaults filled in, and what is wrong with them. */
export function validateValues(given: ReadonlyMap<string, SettingValue>): {
  values: Map<string, SettingValue>;
  broken: BrokenRule[];
} {
  const broken: BrokenRule[] = [];
  const sections: Record<string, Record<string, convict.SchemaObj<SettingValue>>> = {};
  for (const row of CONFIG_KEYS) {
    const [section = '', name = ''] = row.key.split('.');
    const format = (value: SettingValue): void => {
      const message = ruleProblem(row, value);
      if (message === undefined) return;
      broken.push({ key: row.key, message });
      throw new Error(message);
    };
    (sections[section] ??= {})[name] = { default: row.default, doc: row.doc, format };
  }
  const settings = convict<Record<string, unknown>>(sections, { env: {}, args: [] });
  for (const [key, value] of given) settings.set(key, value);
  try {
    settings.validate({ allowed: 'strict' });
  } catch (error) {
    // Its message puts all problems in one text; the formats above have kept them apart.
    if (broken.length === 0) throw error;
  }
  const values = new Map<string, SettingValue>();
  for (const { key } of CONFIG_KEYS) values.set(key, settings.get(key) as SettingValue);
  return { values, broken };
}
