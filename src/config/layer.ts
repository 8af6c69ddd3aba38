// One source of settings (a file, the environment, the command line) as a map of keys to what it says, unjudged.
import { resolve } from 'node:path';
import type { ConfigProblem } from './config-error.ts';
import { envNameOf, flagNameOf } from './config-key.ts';
import { NOT_SHOWN } from './mask-value.ts';
import { CONFIG_KEYS } from './schema.ts';
import { nearestName } from './suggest-key.ts';

/** What one source says about one key. */
export interface Setting {
  raw: unknown;
  /** For people: a file path, an environment variable or a flag. */
  source: string;
  kind: 'flag' | 'env' | 'file' | 'legacy-file';
  /** The value is text that still has to become a number, a list, … (environment and flags; TOML has types). */
  isText: boolean;
  /** What a relative path is relative to. */
  baseDir: string;
}

export type Layer = Map<string, Setting>;

/** How a source spells keys, so that a suggestion is spelled the same way. */
export type Spelling = 'toml' | 'env' | 'flag';

const SPELL: Record<Spelling, (key: string) => string> = {
  toml: (key) => key,
  env: envNameOf,
  flag: flagNameOf,
};

/** The problem of a name that no key has; its value is not shown, because a mistyped key may hold a secret. */
export function unknownKeyProblem(name: string, source: string, spelling: Spelling): ConfigProblem {
  const nearest = nearestName(
    name,
    CONFIG_KEYS.map((row) => SPELL[spelling](row.key)),
  );
  return {
    key: name,
    source,
    value: NOT_SHOWN,
    message: 'there is no such key',
    fix: `Did you mean ${nearest}? "mem-agent config print --explain" lists all keys`,
  };
}

/** Settings that came with a directory of their own (files) or with the working directory (all others). */
export function textSetting(raw: string, source: string, kind: Setting['kind'], baseDir: string): Setting {
  return { raw, source, kind, isText: true, baseDir: resolve(baseDir) };
}
