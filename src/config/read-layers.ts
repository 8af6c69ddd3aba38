// The order of the sources. Lowest first: legacy files, config.toml, conf.d, --config, old variables, MEM_AGENT_*, flags.
import { join, resolve } from 'node:path';
import type { ConfigProblem } from './config-error.ts';
import { findConfigDir } from './directories.ts';
import { readEnvLayer } from './env-layer.ts';
import { expandPath } from './expand-path.ts';
import { readFlagLayer } from './flag-layer.ts';
import type { Layer } from './layer.ts';
import { readLegacyEnvLayer } from './legacy-env.ts';
import { readLegacyFiles, stampLegacyFiles } from './legacy-files.ts';
import type { LegacyFile } from './legacy-files.ts';
import type { LoadConfigInput } from './load-config.ts';
import { listConfD, readTomlLayer } from './toml-file.ts';

export interface Layers {
  /** Lowest first. */
  layers: Layer[];
  configDir: string;
  files: string[];
  legacyFiles: LegacyFile[];
}

export function readLayers(input: LoadConfigInput, problems: ConfigProblem[]): Layers {
  const { env, home } = input;
  const cwd = resolve(input.cwd);
  const configDir = resolve(cwd, findConfigDir(env, home, input.systemConfigDir ?? '/etc/mem-agent'));
  // Stamped before anything is read: a change in between is then seen as a change.
  const legacyFiles = stampLegacyFiles(configDir, cwd);
  const layers: Layer[] = [readLegacyFiles({ configDir, cwd, env }, problems)];
  const files: string[] = [];
  for (const path of [join(configDir, 'config.toml'), ...listConfD(configDir, problems)]) {
    const layer = readTomlLayer(path, problems);
    if (layer === undefined) continue;
    files.push(path);
    layers.push(layer);
  }
  if (input.configFile !== undefined) {
    const path = expandPath(input.configFile, cwd, home);
    const layer = readTomlLayer(path, problems);
    if (layer === undefined) problems.push(missingFile(path));
    else layers.push(layer);
    files.push(path);
  }
  layers.push(
    readLegacyEnvLayer(env, cwd, problems),
    readEnvLayer({ env, cwd, otherNames: input.otherEnvNames ?? [] }, problems),
    readFlagLayer(input.flags ?? {}, cwd, problems),
  );
  return { layers, configDir, files, legacyFiles };
}

function missingFile(path: string): ConfigProblem {
  const fix = 'Correct the path after --config, or leave the flag out';
  return { key: '', source: 'flag --config', value: path, message: `there is no file ${path}`, fix };
}
