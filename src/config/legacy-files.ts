// The one-line files of the Python original: `.memory_path`, `.mlx_model_name`, and where `.filters` may be.
// Each is sought in the configuration directory, then in the working directory; an empty one counts as missing.
import { dirname, join } from 'node:path';
import { statSync } from 'node:fs';
import { systemErrorCode } from '../lib/app-error.ts';
import type { ConfigProblem } from './config-error.ts';
import { expandVariables } from './expand-path.ts';
import type { Environment } from './expand-path.ts';
import type { Layer } from './layer.ts';
import { readTextFile } from './read-text-file.ts';
import { CONFIG_KEYS } from './schema.ts';

export const FILTERS_FILE = '.filters';

export interface LegacyFile {
  key: string;
  path: string;
  /** Changes when the file is written, replaced, made or removed. */
  stamp: string;
}

/** Where a file of the original may be, in the order they are looked at. */
export function legacyPlaces(name: string, configDir: string, cwd: string): string[] {
  return [...new Set([join(configDir, name), join(cwd, name)])];
}

export function readLegacyFiles(
  { configDir, cwd, env }: { configDir: string; cwd: string; env: Environment },
  problems: ConfigProblem[],
): Layer {
  const layer: Layer = new Map();
  for (const { key, legacyFile, type } of CONFIG_KEYS) {
    if (legacyFile === undefined) continue;
    for (const path of legacyPlaces(legacyFile, configDir, cwd)) {
      const file = readTextFile(path);
      if (file.kind === 'failed') problems.push({ ...file.problem, key });
      if (file.kind !== 'text') continue;
      const line = firstLine(file.text);
      if (line === '') continue;
      const raw = type === 'path' ? expandVariables(line, env) : line;
      layer.set(key, { raw, source: path, kind: 'legacy-file', isText: true, baseDir: dirname(path) });
      break;
    }
  }
  return layer;
}

/** Every place a file of the original may be, with what it looks like now; compare to see whether to load again. */
export function stampLegacyFiles(configDir: string, cwd: string): LegacyFile[] {
  const named = CONFIG_KEYS.flatMap(({ key, legacyFile }) => (legacyFile === undefined ? [] : [{ key, legacyFile }]));
  return [...named, { key: 'memory.filters_file', legacyFile: FILTERS_FILE }].flatMap(({ key, legacyFile }) =>
    legacyPlaces(legacyFile, configDir, cwd).map((path) => ({ key, path, stamp: stampOf(path) })),
  );
}

/** Empty when there is no such file. */
export function stampOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat === undefined ? '' : `${stat.ino}-${stat.size}-${stat.mtimeNs}`;
  } catch (error) {
    // What may not be looked at is there; whoever reads it gets the error.
    return systemErrorCode(error) ?? 'unreadable';
  }
}

/** The first line with something in it, without the quotes some shells leave. */
function firstLine(text: string): string {
  const line = text.split(/\r?\n/).find((candidate) => candidate.trim() !== '') ?? '';
  return line.trim().replace(/^(['"])(.*)\1$/, '$2');
}
