// What every command gets: its terminal, the configuration of this call, and how to start a daemon like it.
import { homedir } from 'node:os';
import type { FlagValue } from '../config/flag-layer.ts';
import { loadConfig, type LoadedConfig } from '../config/load-config.ts';
import type { CommandLine } from './command-line.ts';
import type { Terminal } from './terminal.ts';

/** Variables with our prefix that are no configuration. */
export const OTHER_ENV_NAMES = ['MEM_AGENT_KEY', 'MEM_AGENT_URL'];

export interface CliContext {
  terminal: Terminal;
  /** Throws `ConfigError`. `extraFlags` win over those of the command line. */
  load(extraFlags?: Readonly<Record<string, FlagValue>>): LoadedConfig;
  /** The configuration arguments as typed, for a daemon that is started with the same. */
  daemonArguments: readonly string[];
}

export function createCliContext(options: {
  terminal: Terminal;
  line: CommandLine;
  configFile: string | undefined;
  debug: boolean;
}): CliContext {
  const { terminal, line, configFile, debug } = options;
  // --debug means a verbose daemon as well, unless a level was asked for.
  const flags =
    debug && line.configFlags['log.level'] === undefined
      ? { 'log.level': 'debug', ...line.configFlags }
      : line.configFlags;
  return {
    terminal,
    load: (extraFlags = {}) =>
      loadConfig({
        flags: { ...flags, ...extraFlags },
        configFile,
        env: process.env,
        cwd: process.cwd(),
        home: homedir(),
        otherEnvNames: OTHER_ENV_NAMES,
      }),
    daemonArguments: [...(configFile === undefined ? [] : ['--config', configFile]), ...line.configArguments],
  };
}
