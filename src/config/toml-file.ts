// TOML files to layers. Errors name file and line and never quote the file: it may hold a secret.
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { systemErrorCode } from '../lib/app-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { unknownKeyProblem } from './layer.ts';
import type { Layer } from './layer.ts';
import { readTextFile } from './read-text-file.ts';
import { findConfigKey } from './schema.ts';

/** The settings of one file, or undefined if there is no such file. */
export function readTomlLayer(path: string, problems: ConfigProblem[]): Layer | undefined {
  const file = readTextFile(path);
  if (file.kind === 'missing') return undefined;
  const layer: Layer = new Map();
  if (file.kind === 'failed') {
    problems.push(file.problem);
    return layer;
  }
  for (const [key, raw] of parseToml(file.text, path, problems)) {
    if (findConfigKey(key) === undefined) problems.push(unknownKeyProblem(key, path, 'toml'));
    else layer.set(key, { raw, source: path, kind: 'file', isText: false, baseDir: dirname(path) });
  }
  return layer;
}

/** The files of `conf.d`, sorted by name; hidden ones do not count. */
export function listConfD(configDir: string, problems: ConfigProblem[]): string[] {
  const folder = join(configDir, 'conf.d');
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.toml') && !name.startsWith('.'));
    return names.toSorted().map((name) => join(folder, name));
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return [];
    problems.push({
      key: '',
      source: folder,
      value: '',
      message: `it cannot be listed (${code ?? 'unknown reason'})`,
      fix: 'Make it a directory that the user of mem-agent may read',
    });
    return [];
  }
}

function parseToml(text: string, path: string, problems: ConfigProblem[]): [string, unknown][] {
  try {
    return flatten(parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 20 }), '');
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The library appends the lines around the mistake, which may hold a secret.
    const [firstLine = ''] = error.message.split('\n');
    problems.push({
      key: '',
      source: `${path}:${error.line}:${error.column}`,
      value: '',
      message: firstLine.replace('Invalid TOML document', 'this is not TOML'),
      fix: `Correct line ${error.line} of the file; text needs quotes, a section is [name]`,
    });
    return [];
  }
}

function flatten(table: object, prefix: string): [string, unknown][] {
  return Object.entries(table).flatMap(([name, value]): [string, unknown][] => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    // A table below a known key is a wrong value of that key, not a new key.
    if (!isTable(value) || findConfigKey(key) !== undefined) return [[key, value]];
    return flatten(value, key);
  });
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
