// The configuration as code sees it: `config.http.maxBodyBytes`. Names and types follow from the table in schema.ts.
import type { SettingValue } from './config-key.ts';
import { parseListenAddress } from './listen-address.ts';
import type { ListenAddress } from './listen-address.ts';
import { CONFIG_KEYS } from './schema.ts';
import type { CONFIG_TABLE } from './schema.ts';

type Row = (typeof CONFIG_TABLE)[number];
type Section = Row['key'] extends infer K ? (K extends `${infer S}.${string}` ? S : never) : never;
type NameIn<K, S extends string> = K extends `${S}.${infer N}` ? CamelCase<N> : never;
type CamelCase<T extends string> = T extends `${infer A}_${infer B}` ? `${A}${Capitalize<CamelCase<B>>}` : T;

type ValueOf<R> = R extends { resolvesTo: readonly (infer C)[] }
  ? C
  : R extends { choices: readonly (infer C)[] }
    ? C
    : R extends { type: 'int' | 'number' }
      ? number
      : R extends { type: 'bool' }
        ? boolean
        : R extends { type: 'list' }
          ? readonly string[]
          : R extends { type: 'listen' }
            ? ListenAddress
            : string;

type SectionOf<S extends string> = { readonly [R in Row as NameIn<R['key'], S>]: ValueOf<R> };

/** Every section and key of the table; listeners parsed, directories absolute, backend and trust decided. */
export type Config = { readonly [S in Section]: SectionOf<S> };

/** Nests checked values; every key of the table is in `values`. */
export function nestConfig(values: ReadonlyMap<string, SettingValue>): Config {
  const nested: Record<string, Record<string, unknown>> = {};
  for (const row of CONFIG_KEYS) {
    const [section = '', name = ''] = row.key.split('.');
    const value = values.get(row.key) ?? row.default;
    const property = name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    (nested[section] ??= {})[property] = row.type === 'listen' ? parseListenAddress(String(value)) : value;
  }
  // The loop above walks the very table the type is made of.
  return nested as unknown as Config;
}
