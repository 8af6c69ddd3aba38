// `mem-agent serve`: the daemon in the foreground; with `mcp.transport` stdio the shim instead, with dual both.
import { join } from 'node:path';
import { openDaemon, type Daemon } from '../daemon/compose.ts';
import { runDaemon } from '../daemon/lifecycle.ts';
import { openSdNotify, type SdNotify } from '../daemon/sd-notify.ts';
import { toAppError } from '../lib/app-error.ts';
import { createLogger } from '../telemetry/create-logger.ts';
import type { CliContext } from './cli-context.ts';
import { makeFirstKeys } from './first-keys.ts';
import { bridgeStdio, runStdio } from './stdio.ts';
import { openUnixFetch } from './unix-fetch.ts';

export async function runServe(context: CliContext): Promise<number> {
  using notify = openSdNotify({
    environment: process.env,
    pid: process.pid,
    onProblem: (error) => context.terminal.note(`mem-agent: the service manager can't be told: ${String(error)}`),
  });
  try {
    return await serve(context, notify);
  } catch (error) {
    // So that `systemctl status` says it, also when the log is elsewhere.
    notify.status(toAppError(error).userMessage);
    throw error;
  }
}

async function serve(context: CliContext, notify: SdNotify): Promise<number> {
  const loaded = context.load();
  const { config } = loaded;
  if (config.mcp.transport === 'stdio') return runStdio(context);
  using logger = createLogger({
    level: config.log.level,
    destination: config.log.file === '' ? 'stderr' : { file: config.log.file },
  });
  const stdioStopped = new AbortController();
  let stdio: Promise<void> | undefined;
  const reload = (): ReturnType<CliContext['load']> => context.load();
  const code = await runDaemon({
    open: () => openDaemon({ loaded, logger, reload, notify }),
    reload,
    notify,
    async onReady(daemon) {
      const file = join(config.state.dir, 'first-keys');
      const made = await makeFirstKeys({
        keys: daemon.parts.keys,
        audit: daemon.parts.audit,
        isPrivate: daemon.isPrivate,
        httpUrl: daemon.listeners.http?.url,
        file,
        showOnTerminal: process.stderr.isTTY ? (text) => void process.stderr.write(text) : undefined,
      });
      if (made === 'written')
        logger.warn({ file }, 'the first two API keys were written to a file; move them to where you keep secrets');
      logger.info(
        { http: daemon.listeners.http?.url, ops: daemon.listeners.ops.url, admin: daemon.listeners.admin.url },
        'listening',
      );
      if (config.mcp.transport === 'dual') stdio = serveStdio(daemon, stdioStopped.signal);
    },
    onForced: () => logger[Symbol.dispose](),
  });
  stdioStopped.abort();
  await stdio;
  return code;
}

/** `dual`: the end of stdin ends only this. */
async function serveStdio(daemon: Daemon, stopped: AbortSignal): Promise<void> {
  await using unix = openUnixFetch(daemon.listeners.admin.url.replace(/^unix:/, ''));
  await bridgeStdio(
    (body, headers, signal) =>
      unix.fetch('/mcp', { method: 'POST', body, headers: { ...headers, 'mem-agent-transport': 'stdio' }, signal }),
    stopped,
  );
}
