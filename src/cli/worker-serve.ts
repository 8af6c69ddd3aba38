// `mem-agent worker serve`: the supervisor of the model server as a process of its own, which outlives the daemons that use it.
// Guarantees: one such process a socket; the first signal ends the model server in order, a second one kills it; SIGHUP, and
// `.mlx_model_name`, take effect while it runs, and a configuration that is wrong changes nothing.
import { ConfigError } from '../config/config-error.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { startFollowingLegacyFiles } from '../daemon/follow-legacy-files.ts';
import { passOnWorkerLine, observeWorker } from '../daemon/observe-worker.ts';
import { waitForFirstLoad } from '../daemon/first-load.ts';
import { openSdNotify, type SdNotify } from '../daemon/sd-notify.ts';
import { startServiceReport } from '../daemon/service-report.ts';
import { watchSignals } from '../daemon/watch-signals.ts';
import { createWorkerHeart } from '../daemon/worker-heart.ts';
import { workerOptionsOf } from '../daemon/worker-options-of.ts';
import { systemErrorCode, toAppError } from '../lib/app-error.ts';
import { systemClock } from '../lib/clock.ts';
import { createLogger } from '../telemetry/create-logger.ts';
import type { Logger } from '../telemetry/logger.ts';
import { redactSecrets } from '../telemetry/redact-secrets.ts';
import { openWorker } from '../worker/open-worker.ts';
import { ReplaceableWorker } from '../worker/replaceable-worker.ts';
import { serveWorker } from '../worker/serve-worker.ts';
import type { WorkerOptions } from '../worker/worker-options.ts';
import type { Worker } from '../worker/worker.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT } from './terminal.ts';

/** What closing takes besides the time the model server is given. */
const CLOSE_GRACE_MS = 15_000;

export async function runWorkerServe(context: CliContext): Promise<number> {
  using notify = openSdNotify({
    environment: process.env,
    pid: process.pid,
    onProblem: (error) => context.terminal.note(`mem-agent: the service manager can't be told: ${String(error)}`),
  });
  try {
    return await serve(context, notify);
  } catch (error) {
    notify.status(toAppError(error).userMessage);
    throw error;
  }
}

async function serve(context: CliContext, notify: SdNotify): Promise<number> {
  let loaded = context.load();
  let options = ownProcessOptions(loaded);
  const { log, worker: settings } = loaded.config;
  using logger = createLogger({
    level: log.level,
    destination: log.file === '' ? 'stderr' : { file: log.file },
  });
  for (const warning of loaded.warnings) logger.warn({ component: 'config' }, warning);

  let worker: ReplaceableWorker | undefined;
  using signals = watchSignals({
    onForced(signal) {
      logger.warn({ signal }, 'second signal: ending at once');
      if (worker !== undefined) killGroup(worker, logger);
      logger[Symbol.dispose]();
    },
    onReload: () => void reload().catch(tellProblem),
  });

  function tellProblem(error: unknown): void {
    const { code, userMessage } = toAppError(error);
    logger.error({ code, reason: userMessage }, 'configuration not reloaded, the old one stays');
  }

  async function reload(): Promise<void> {
    // First: the same signal follows a log rotation, whatever becomes of the configuration.
    logger.reopen();
    const next = context.load();
    const nextOptions = ownProcessOptions(next);
    const isNew = JSON.stringify(nextOptions) !== JSON.stringify(options);
    [loaded, options] = [next, nextOptions];
    logger.setLevel(next.config.log.level);
    logger.info({ component: 'worker', workerReplaced: isNew }, 'configuration reloaded');
    if (isNew) await worker?.replace(nextOptions);
  }

  await using server = await serveWorker({
    socketPath: settings.socket,
    open(tell) {
      worker = new ReplaceableWorker(options, (own) =>
        openWorker(own, {
          clock: systemClock,
          onEvent(event) {
            observeWorker(event, logger);
            tell(event);
          },
          onLogLine: (line) => passOnWorkerLine(own.name, line, logger),
          redact: redactSecrets,
        }),
      );
      return worker;
    },
    onEvent({ type, ...facts }) {
      const hasLost = 'requestsEnded' in facts && facts.requestsEnded > 0;
      logger[hasLost ? 'warn' : 'info']({ component: 'worker', event: type, ...facts }, 'daemon of the worker');
    },
  });
  await using _files = startFollowingLegacyFiles({
    loaded: () => loaded,
    reload,
    onProblem: tellProblem,
    clock: systemClock,
  });
  const describe = (): string => statusLine(server.worker);
  logger.info({ component: 'worker', socket: settings.socket, profile: options.profile }, 'worker process ready');
  using _report = startServiceReport({
    notify,
    hearts: [createWorkerHeart(server.worker, () => options, systemClock)],
    describe,
    onStandstill: (part) => logger.error({ part }, 'a part stands still: the service manager is told'),
  });
  const ended = new AbortController();
  const ending = signals.ending.finally(() => ended.abort());
  await waitForFirstLoad(server.worker, notify, ended.signal);
  if (!ended.signal.aborted) notify.ready(describe());
  const reason = await ending;
  notify.stopping(`stopping: ${reason}`, options.stopTimeoutMs + CLOSE_GRACE_MS);
  logger.info({ component: 'worker', reason }, 'worker process ends');
  return EXIT.ok;
}

/** Throws `ConfigError` when this configuration does not ask for a worker in a process of its own. */
function ownProcessOptions(loaded: LoadedConfig): WorkerOptions {
  const options = workerOptionsOf(loaded.config);
  if (options === null)
    throw wrong(loaded, 'worker.profile', 'there is no worker to run', 'Set worker.profile, for example vllm');
  // Two supervisors would end each other's model server.
  if (loaded.config.worker.supervisor !== 'process')
    throw wrong(
      loaded,
      'worker.supervisor',
      'the daemon runs the worker itself',
      'Set worker.supervisor = "process", for the daemon as well',
    );
  return options;
}

function wrong({ values, sources }: LoadedConfig, key: string, message: string, fix: string): ConfigError {
  const [value, source] = [String(values.get(key)), sources.get(key) ?? 'default'];
  return new ConfigError([{ key, source, value, message, fix }]);
}

function statusLine(worker: Worker): string {
  const { state, reason, servedModel } = worker.status();
  return `${servedModel}: ${state} (${reason})`;
}

/** It leads a group of its own. What has left the group is found at the next start. */
function killGroup(worker: Worker, logger: Logger): void {
  const { pid, profile } = worker.status();
  if (pid === null || profile === 'external') return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') logger.error({ pid, reason: String(error) }, 'the worker was not killed');
  }
}
