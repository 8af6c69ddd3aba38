// What one row of the configuration table says, and the short constructors the table is written with.

export type SettingValue = string | number | boolean | readonly string[];

export type SettingType = 'string' | 'path' | 'url' | 'listen' | 'secret' | 'enum' | 'int' | 'number' | 'bool' | 'list';

/** How the old variables of the Python original become this key: as they are, or through a rule of `legacy-env.ts`. */
export type LegacyRule = 'as-is' | 'lower-case' | 'log-level' | 'listen' | 'vllm-url' | 'vllm-selects';

export interface ConfigKey {
  /** `section.name`, as in TOML. */
  readonly key: string;
  readonly type: SettingType;
  readonly default: SettingValue;
  readonly doc: string;
  /** Says in words what an empty value becomes; such keys are filled in by `computed-settings.ts`. */
  readonly computed?: string;
  readonly min?: number;
  readonly max?: number;
  readonly choices?: readonly string[];
  /** The choices that are left once the configuration is loaded (`auto` is gone by then). */
  readonly resolvesTo?: readonly string[];
  /** What each entry of a list must be. */
  readonly item?: 'host' | 'origin' | 'cidr' | 'backend' | 'env' | 'tool-rate' | 'jwt-algorithm' | 'root';
  /** A change takes effect on SIGHUP; others need a restart. */
  readonly reloadable?: true;
  /** Old environment variables, the one that wins first. */
  readonly legacyEnv?: readonly string[];
  readonly legacyRule?: LegacyRule;
  /** A one-line file of the Python original that holds this value. */
  readonly legacyFile?: string;
}

type More = Omit<ConfigKey, 'key' | 'type' | 'default' | 'doc' | 'min' | 'max' | 'choices'>;

const row =
  <const T extends SettingType, V extends SettingValue>(type: T) =>
  <const K extends string, const M extends More = object>(key: K, value: V, doc: string, more?: M) => ({
    key,
    type,
    default: value,
    doc,
    ...((more ?? {}) as NoInfer<M>),
  });

export const text = row<'string', string>('string');
export const path = row<'path', string>('path');
export const url = row<'url', string>('url');
export const listen = row<'listen', string>('listen');
export const bool = row<'bool', boolean>('bool');
export const list = row<'list', readonly string[]>('list');

/** A secret starts empty and is never shown, in no error and no listing. */
export const secret = <const K extends string, const M extends More = object>(key: K, doc: string, more?: M) =>
  row<'secret', string>('secret')(key, '', doc, more);

export const oneOf = <const K extends string, const C extends readonly string[], const M extends More = object>(
  key: K,
  choices: C,
  value: C[number],
  doc: string,
  more?: M,
) => ({ key, type: 'enum' as const, default: value, doc, choices, ...((more ?? {}) as NoInfer<M>) });

type Range = readonly [min: number, max: number];

const ranged =
  <const T extends 'int' | 'number'>(type: T) =>
  <const K extends string>(key: K, value: number, [min, max]: Range, doc: string, more?: More) => ({
    key,
    type,
    default: value,
    doc,
    min,
    max,
    ...more,
  });

export const int = ranged('int');
export const float = ranged('number');

/** `http.max_body_bytes` -> `MEM_AGENT_HTTP_MAX_BODY_BYTES`. */
export function envNameOf(key: string): string {
  return `MEM_AGENT_${key.replaceAll('.', '_').toUpperCase()}`;
}

/** `http.max_body_bytes` -> `--http.max-body-bytes`. */
export function flagNameOf(key: string): string {
  return `--${key.replaceAll('_', '-')}`;
}
