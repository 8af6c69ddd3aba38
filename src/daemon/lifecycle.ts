// Runs a daemon from its first signal to its last: the first SIGINT or SIGTERM drains, a second one at least two seconds
// later forces, SIGHUP reloads. Guarantees: resolves with the exit code once everything is closed.
import type { LoadedConfig } from '../config/load-config.ts';
import { toAppError } from '../lib/app-error.ts';
import type { Daemon } from './compose.ts';
import type { SdNotify } from './sd-notify.ts';
import { startServiceReport } from './service-report.ts';

/** A terminal's Ctrl-C reaches npm and the daemon at once, and npm passes it on: that is one wish, not two. */
const SECOND_SIGNAL_AFTER_MS = 2000;
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
  const ending = Promise.withResolvers<string>();
  let daemon: Daemon | undefined;
  let firstSignalMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstSignalMs === undefined) {
      // Also while it starts: it then ends in order as soon as it is up.
      firstSignalMs = nowMs;
      ending.resolve(`received ${signal}`);
      return;
    }
    if (nowMs - firstSignalMs < SECOND_SIGNAL_AFTER_MS) return;
    daemon?.logger.warn({ signal }, 'second signal: ending at once');
    options.onForced();
    process.exit(1);
  };
  const onReload = (): void => {
    daemon?.reload(options.reload).catch((error: unknown) => {
      const { code, userMessage } = toAppError(error);
      daemon?.logger.error({ code, reason: userMessage }, 'configuration not reloaded, the old one stays');
    });
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('SIGHUP', onReload);
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
    const reason = await Promise.race([ending.promise, daemon.stopWanted]);
    notify.stopping(`stopping: ${reason}`, daemon.drainTimeoutMs + CLOSE_GRACE_MS);
    await daemon.stop(reason);
    return daemon.failed ? 1 : 0;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    process.off('SIGHUP', onReload);
    await daemon?.[Symbol.asyncDispose]();
  }
}
