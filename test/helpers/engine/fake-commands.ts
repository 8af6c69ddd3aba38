// Puts `vllm` and the other real commands' names into a directory, as scripts that run the stand-ins; for a supervisor's PATH.
// Environment of every stand-in, beside the real program's own:
//   MEMA_ENGINE_FAULTS, MEMA_ENGINE_SCRIPT   JSON, or `@FILE` read at each start (engine-faults.ts, script.ts)
//   MEMA_ENGINE_STARTS                       a file that gets one line of JSON a start: `{pid, atMs}`
//   MEMA_ENGINE_MAX_LIFE_MS                  ends by itself after that, 10 minutes at most
//   MEMA_ENGINE_QUIET=1, MEMA_ENGINE_ANNOUNCE=1, MEMA_ENGINE_PARENT=stdin   as startEngine() wants it
//   LMS_FAKE_HOME                            where the LM Studio stand-in keeps itself (fake-lms.ts)
//   MEMA_FAKE_GPU_FILE                       the figures of `nvidia-smi`, and where engines claim memory (fake-gpu.ts)
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineFaults } from './engine-faults.ts';
import type { EngineScript } from './script.ts';

const programPath = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The stand-ins' programs, for `node PATH …`. */
export const enginePrograms = {
  vllm: programPath('vllm.ts'),
  mlx: programPath('mlx.ts'),
  llamaServer: programPath('llama-server.ts'),
  lms: programPath('lms.ts'),
  openRouter: programPath('openrouter.ts'),
  nvidiaSmi: programPath('nvidia-smi.ts'),
} as const;
export type EngineProgram = keyof typeof enginePrograms;

const COMMANDS: Record<string, EngineProgram> = {
  vllm: 'vllm',
  'mlx_lm.server': 'mlx',
  'llama-server': 'llamaServer',
  lms: 'lms',
  'nvidia-smi': 'nvidiaSmi',
};

export interface FakeEnvironment {
  /** A string is the name of a file that is read at each start. */
  faults?: EngineFaults | string;
  script?: EngineScript | string;
  startsFile?: string;
  maxLifeMs?: number;
  gpuFile?: string;
  /** Where the LM Studio stand-in keeps itself; end it with stopFakeLms(). */
  lmsHome?: string;
}

/** What the options above are as environment variables. */
export function fakeEnvironment(options: FakeEnvironment): Record<string, string> {
  const { faults, script, startsFile, maxLifeMs, gpuFile, lmsHome } = options;
  return {
    ...(faults === undefined ? {} : { MEMA_ENGINE_FAULTS: jsonOrFile(faults) }),
    ...(script === undefined ? {} : { MEMA_ENGINE_SCRIPT: jsonOrFile(script) }),
    ...(startsFile === undefined ? {} : { MEMA_ENGINE_STARTS: startsFile }),
    ...(maxLifeMs === undefined ? {} : { MEMA_ENGINE_MAX_LIFE_MS: String(maxLifeMs) }),
    ...(gpuFile === undefined ? {} : { MEMA_FAKE_GPU_FILE: gpuFile }),
    ...(lmsHome === undefined ? {} : { LMS_FAKE_HOME: lmsHome }),
  };
}

/** Writes the commands into an existing directory; the environment is theirs whoever starts them. Returns their paths. */
export function installFakeCommands(directory: string, options: FakeEnvironment = {}): Record<string, string> {
  const exports = Object.entries(fakeEnvironment(options)).map(([key, value]) => `export ${key}=${quote(value)}\n`);
  const installed: Record<string, string> = {};
  for (const [name, program] of Object.entries(COMMANDS)) {
    const path = join(directory, name);
    const run = `exec ${quote(process.execPath)} ${quote(enginePrograms[program])} "$@"\n`;
    writeFileSync(path, `#!/bin/sh\n${exports.join('')}${run}`);
    chmodSync(path, 0o755);
    installed[name] = path;
  }
  return installed;
}

function jsonOrFile(value: object | string): string {
  return typeof value === 'string' ? `@${value}` : JSON.stringify(value);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

export type EngineKind = 'vllm' | 'mlx' | 'llamacpp' | 'openrouter';

export interface EngineAddress {
  /** The first is what it loads and serves; only vLLM has more. */
  models: readonly string[];
  port: number;
  uds?: string;
  apiKey?: string;
}

/** What to give to `node`, the program first: for startEngine() and for a supervisor's `command` profile. */
export function engineArgs(kind: EngineKind, { models, port, uds, apiKey }: EngineAddress): string[] {
  const model = models[0] ?? 'mem-agent';
  const tcp = ['--host', '127.0.0.1', '--port', String(port)];
  const key = apiKey === undefined ? [] : ['--api-key', apiKey];
  switch (kind) {
    case 'vllm': {
      const where = uds === undefined ? tcp : ['--uds', uds];
      return [enginePrograms.vllm, 'serve', model, '--served-model-name', ...models, ...where, ...key];
    }
    case 'mlx':
      return [enginePrograms.mlx, '--model', model, ...tcp];
    case 'llamacpp': {
      const where = uds === undefined ? tcp : ['--host', uds];
      return [enginePrograms.llamaServer, '--model', 'model.gguf', '--alias', model, '--metrics', ...where, ...key];
    }
    case 'openrouter':
      return [enginePrograms.openRouter, ...tcp];
  }
}
