// Runs a daemon from its start to its end: a signal or its own wish drains it, SIGHUP reloads.
// Guarantees: resolves with the exit code once everything is closed.
import type { LoadedConfig } from '../config/load-config.ts';
import { toAppError } from '../lib/app-error.ts';
import type { Daemon } from './compose.ts';
import type { SdNotify } from './sd-notify.ts';
import { startServiceReport } from './service-report.ts';
import { watchSignals } from './watch-signals.ts';

/** What closing takes at worst once the drain is over. */
const CLOSE_GRACE_MS = 15_000;

export interface LifecycleOptions {
  /** Builds the daemon; called once. */
  open(): Promise<Daemon>;
  /** Loads the configuration again; throws `CONFIG_INVALID`. */
  reload(): LoadedConfig;
  notify: SdNotify;
  /** After `ready`: first keys, addresses for a person. */
  onReady(daemon: Daemon): Promise<void>;
  onForced(): void;
}

export async function runDaemon(options: LifecycleOptions): Promise<number> {
  const { notify } = options;
  let daemon: Daemon | undefined;
  const onReload = (): void => {
    daemon?.reload(options.reload).catch((error: unknown) => {
      const { code, userMessage } = toAppError(error);
      daemon?.logger.error({ code, reason: userMessage }, 'configuration not reloaded, the old one stays');
    });
  };
  using signals = watchSignals({
    onForced(signal) {
      daemon?.logger.warn({ signal }, 'second signal: ending at once');
      options.onForced();
    },
    onReload,
  });
  try {
    daemon = await options.open();
    await options.onReady(daemon);
    const { hearts, logger } = daemon;
    const describe = daemon.describe.bind(daemon);
    notify.ready(describe());
    using _report = startServiceReport({
      notify,
      hearts,
      describe,
      onStandstill: (part) => logger.error({ part }, 'a part of the daemon stands still: the service manager is told'),
    });
    const reason = await Promise.race([signals.ending, daemon.stopWanted]);
    notify.stopping(`stopping: ${reason}`, daemon.drainTimeoutMs + CLOSE_GRACE_MS);
    await daemon.stop(reason);
    return daemon.failed ? 1 : 0;
  } finally {
    await daemon?.[Symbol.asyncDispose]();
  }
}
