// The configuration as it is now: SIGHUP and `config reload` replace what can change while the daemon runs.
// Guarantees: a configuration with an error changes nothing.
import { diffConfig, type ConfigDiff } from '../config/diff-config.ts';
import type { Config } from '../config/config.ts';
import { createFiltersReader } from '../config/filters-file.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { LogLevel, RootLogger } from '../telemetry/create-logger.ts';
import { isLogLevel } from '../telemetry/create-logger.ts';
import type { Events } from '../telemetry/events.ts';
import { AppError } from '../lib/app-error.ts';

export interface ReloadableConfig {
  readonly loaded: LoadedConfig;
  readonly config: Config;
  /** The text of `.filters` as it is now. */
  filters(): string;
  reload(load: () => LoadedConfig): Promise<ConfigDiff>;
  setLogLevel(level: string): void;
}

export function createReloadableConfig(
  initial: LoadedConfig,
  ports: { logger: RootLogger; events: Events },
): ReloadableConfig {
  const { logger, events } = ports;
  let loaded = initial;
  let filters = createFiltersReader(loaded);

  function changeLevel(level: LogLevel, principal: string): void {
    if (level === logger.level) return;
    const from = logger.level;
    logger.setLevel(level);
    events.logLevelChanged({ from, to: level, principal });
  }

  return {
    get loaded() {
      return loaded;
    },
    get config() {
      return loaded.config;
    },
    filters: () => filters(),
    async reload(load) {
      const next = load();
      const diff = diffConfig(loaded, next);
      loaded = next;
      filters = createFiltersReader(next);
      if (diff.applied.includes('log.level')) changeLevel(next.config.log.level, 'reload');
      logger.reopen();
      events.configReloaded({ applied: diff.applied, needsRestart: diff.needRestart });
      return diff;
    },
    setLogLevel(level) {
      if (!isLogLevel(level)) {
        throw new AppError('INVALID_INPUT', `${level} is no log level`, {
          hint: 'Use trace, debug, info, warn or error',
        });
      }
      changeLevel(level, 'admin');
    },
  };
}
