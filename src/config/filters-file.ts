// The privacy filters (`.filters`, or memory.filters_file), read again whenever the file changes.
// A filters file that was named but cannot be read is an error, never "no filters".
import { join } from 'node:path';
import { AppError } from '../lib/app-error.ts';
import { FILTERS_FILE, legacyPlaces, stampLegacyFiles, stampOf } from './legacy-files.ts';
import type { LegacyFile } from './legacy-files.ts';
import type { LoadedConfig } from './load-config.ts';
import { readTextFile } from './read-text-file.ts';

/** A function that returns the filters of this moment; it reads the file only when its stamp has changed. */
export function createFiltersReader(loaded: LoadedConfig): () => string {
  let seen: { path: string; stamp: string; text: string } | undefined;
  return () => {
    const path = findFiltersFile(loaded);
    if (path === undefined) return '';
    const stamp = stampOf(path);
    if (seen === undefined || seen.path !== path || seen.stamp !== stamp)
      seen = { path, stamp, text: readFilters(path) };
    return seen.text;
  };
}

/** The places of `.memory_path`, `.mlx_model_name` and `.filters`, with how they look now. */
export function listLegacyFiles(loaded: LoadedConfig): LegacyFile[] {
  return stampLegacyFiles(loaded.configDir, loaded.cwd);
}

/** True if one of them was written, made or removed since the configuration was loaded: time to load again. */
export function haveLegacyFilesChanged(loaded: LoadedConfig): boolean {
  return JSON.stringify(listLegacyFiles(loaded)) !== JSON.stringify(loaded.legacyFiles);
}

/** Where the filters are, or where a new file of them would be found. */
export function filtersPlace(loaded: LoadedConfig): string {
  return findFiltersFile(loaded) ?? join(loaded.configDir, FILTERS_FILE);
}

function findFiltersFile({ config, configDir, cwd }: LoadedConfig): string | undefined {
  if (config.memory.filtersFile !== '') return config.memory.filtersFile;
  return legacyPlaces(FILTERS_FILE, configDir, cwd).find((path) => stampOf(path) !== '');
}

function readFilters(path: string): string {
  const file = readTextFile(path);
  if (file.kind === 'text') return file.text.trim();
  const reason = file.kind === 'missing' ? 'there is no such file' : file.problem.message;
  throw new AppError('CONFIG_INVALID', `The filters in ${path} cannot be read: ${reason}`, {
    hint: 'Make the file readable for mem-agent, or correct memory.filters_file',
  });
}
