// MEM_AGENT_* variables to a layer. An empty variable counts as not set; an unknown one is a problem.
import type { ConfigProblem } from './config-error.ts';
import { envNameOf } from './config-key.ts';
import type { Environment } from './expand-path.ts';
import { textSetting, unknownKeyProblem } from './layer.ts';
import type { Layer } from './layer.ts';
import { CONFIG_KEYS } from './schema.ts';

const PREFIX = 'MEM_AGENT_';

export interface EnvLayerInput {
  env: Environment;
  cwd: string;
  /** `MEM_AGENT_…` names that somebody else reads, such as the key a command line client uses. */
  otherNames: readonly string[];
}

export function readEnvLayer({ env, cwd, otherNames }: EnvLayerInput, problems: ConfigProblem[]): Layer {
  const layer: Layer = new Map();
  const keys = new Map(CONFIG_KEYS.map((row) => [envNameOf(row.key), row.key]));
  for (const name of Object.keys(env).toSorted()) {
    const value = env[name] ?? '';
    if (!name.startsWith(PREFIX) || value === '' || otherNames.includes(name)) continue;
    const key = keys.get(name);
    const source = `environment variable ${name}`;
    if (key === undefined) problems.push(unknownKeyProblem(name, 'the environment', 'env'));
    else layer.set(key, textSetting(value, source, 'env', cwd));
  }
  return layer;
}
