// `mem-agent stdio`: MCP over this process's stdin and stdout, served by the one daemon of this memory.
// Guarantees: stdout carries protocol only; ends when the client goes (stdin ends, stdout breaks, parent gone, signal).
import type { CliContext } from './cli-context.ts';
import { openDaemonLink } from './daemon-link.ts';
import { createLineSplitter } from '../lib/json-lines.ts';
import { createStdioBridge, type StdioBridgeOptions } from './stdio-bridge.ts';
import { EXIT } from './terminal.ts';

const PARENT_POLL_MS = 1000;
/** Time for answers that are under way when stdin ends; a client that closed it waits about two seconds before it kills. */
const LAST_ANSWERS_MS = 1500;

export async function runStdio(context: CliContext): Promise<number> {
  await using link = openDaemonLink(context);
  try {
    await link.connect();
  } catch (error) {
    return context.terminal.fail(error);
  }
  await bridgeStdio((body, headers, signal, isRepeatable) =>
    link.fetch(
      '/mcp',
      {
        method: 'POST',
        body,
        // The daemon tells shims apart by this name when a request is cancelled.
        headers: { ...headers, 'mem-agent-transport': 'stdio', 'user-agent': `mem-agent-stdio/${process.pid}` },
        signal,
      },
      isRepeatable,
    ),
  );
  return EXIT.ok;
}

/** Bridges until the client goes; leaves signals and timers as they were, and stdin closed. */
export async function bridgeStdio(post: StdioBridgeOptions['post'], stopped?: AbortSignal): Promise<void> {
  const gone = Promise.withResolvers<'gently' | 'now'>();
  const now = (): void => gone.resolve('now');
  const bridge = createStdioBridge({ post, write: (line) => void process.stdout.write(`${line}\n`) });
  const splitter = createLineSplitter((line) => bridge.handleLine(line));
  const onData = (chunk: Buffer): void => splitter.push(chunk);
  const onEnd = (): void => {
    splitter.end();
    gone.resolve('gently');
  };
  const parent = process.ppid;
  const poll = setInterval(() => {
    if (process.ppid !== parent) now();
  }, PARENT_POLL_MS);
  process.stdin.on('data', onData).on('end', onEnd).on('close', now).on('error', now);
  process.stdout.on('error', now);
  // With `dual` the signals belong to the daemon, which tells through `stopped`.
  const signals: NodeJS.Signals[] = stopped === undefined ? ['SIGTERM', 'SIGINT', 'SIGHUP'] : [];
  for (const signal of signals) process.once(signal, now);
  stopped?.addEventListener('abort', now);
  try {
    if ((await gone.promise) === 'gently') {
      const timeout = Promise.withResolvers<void>();
      const timer = setTimeout(timeout.resolve, LAST_ANSWERS_MS);
      await Promise.race([bridge.settled(), timeout.promise]);
      clearTimeout(timer);
    }
  } finally {
    bridge.close();
    clearInterval(poll);
    for (const signal of signals) process.off(signal, now);
    stopped?.removeEventListener('abort', now);
    process.stdin.off('data', onData).off('end', onEnd).off('close', now);
    process.stdin.destroy();
  }
}
