// The configuration as it is now: SIGHUP, `config reload` and a changed legacy file replace what can change while the daemon
// runs. Guarantees: one reload at a time; a configuration with an error, or that cannot be put into effect, changes nothing.
import { diffConfig, type ConfigDiff } from '../config/diff-config.ts';
import type { Config } from '../config/config.ts';
import { createFiltersReader } from '../config/filters-file.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { LogLevel, RootLogger } from '../telemetry/create-logger.ts';
import { isLogLevel } from '../telemetry/create-logger.ts';
import type { Events } from '../telemetry/events.ts';
import { AppError, toAppError } from '../lib/app-error.ts';
import type { SdNotify } from './sd-notify.ts';

export type Around = (effect: () => Promise<void>) => Promise<void>;

export interface ReloadablePorts {
  logger: RootLogger;
  events: Events;
  notify?: SdNotify | undefined;
  /** Puts into effect what is not simply read from `config` when it is needed. If it throws the old configuration stays. */
  apply(next: Config): Promise<void>;
}

export interface ReloadableConfig {
  readonly loaded: LoadedConfig;
  readonly config: Config;
  /** The text of `.filters` as it is now. */
  filters(): string;
  /** Keys that were loaded anew and wait for a restart. */
  pendingRestart(): readonly string[];
  /** Why the last reload was refused; empty once one went through. */
  readonly problem: string;
  /**
   * `needRestart` names all that differs from what runs. `around` is called with the effect, once what is wrong in itself has
   * been refused: for its audit record.
   */
  reload(load: () => LoadedConfig, around?: Around): Promise<ConfigDiff>;
  setLogLevel(level: string): void;
}

export function createReloadableConfig(
  initial: LoadedConfig,
  { logger, events, notify, apply }: ReloadablePorts,
): ReloadableConfig {
  let loaded = initial;
  let problem = '';
  let latest: Promise<unknown> = Promise.resolve();
  let filters = createFiltersReader(loaded);

  function changeLevel(level: LogLevel, principal: string): void {
    if (level === logger.level) return;
    const from = logger.level;
    logger.setLevel(level);
    events.logLevelChanged({ from, to: level, principal });
  }

  const pendingRestart = (): string[] => diffConfig(initial, loaded).needRestart;

  async function reload(load: () => LoadedConfig, around: Around): Promise<ConfigDiff> {
    notify?.reloading('reads its configuration again');
    try {
      // The same signal follows a log rotation: whatever becomes of the configuration, no line may go to the old file.
      logger.reopen();
      const next = load();
      // All that waits, not only what this reload found: a second look must not say that nothing does.
      const diff = { applied: diffConfig(loaded, next).applied, needRestart: diffConfig(initial, next).needRestart };
      await around(async () => {
        await apply(next.config);
        loaded = next;
        filters = createFiltersReader(next);
        if (diff.applied.includes('log.level')) changeLevel(next.config.log.level, 'reload');
      });
      problem = '';
      events.configReloaded({ applied: diff.applied, needsRestart: diff.needRestart });
      return diff;
    } catch (error) {
      problem = toAppError(error).userMessage;
      throw error;
    } finally {
      notify?.ready(problem === '' ? doneText(pendingRestart()) : `configuration not reloaded: ${problem}`);
    }
  }

  return {
    get loaded() {
      return loaded;
    },
    get config() {
      return loaded.config;
    },
    filters: () => filters(),
    pendingRestart,
    get problem() {
      return problem;
    },
    reload(load, around = (effect) => effect()) {
      const result = latest.then(() => reload(load, around));
      latest = Promise.allSettled([result]);
      return result;
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

function doneText(waiting: readonly string[]): string {
  return `configuration reloaded${waiting.length === 0 ? '' : `, a restart is needed for ${waiting.join(', ')}`}`;
}
