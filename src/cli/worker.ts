// `mem-agent worker …`: run the worker as a process of its own, see how it is, steer it, read its log.
import type { Command } from 'commander';
import { AppError } from '../lib/app-error.ts';
import type { WorkerLogLine, WorkerState } from '../worker/worker.ts';
import { findAdminClient, type AdminClient } from './admin-client.ts';
import type { CliContext } from './cli-context.ts';
import { linesOf } from './lines-of.ts';
import { parseCount } from './parse-count.ts';
import type { RunCommand } from './run-command.ts';
import { openRunning } from './status.ts';
import { EXIT } from './terminal.ts';
import { isConnectionLost } from './unix-fetch.ts';
import { logLineText, nextStep, probeText, workerStatusText } from './worker-text.ts';

const WISHES = {
  start: ['start it; the restart budget begins anew', 'POST /worker/start'],
  stop: ['stop it until it is started again', 'POST /worker/stop'],
  restart: ['stop and start it at once, also out of a crash loop', 'POST /worker/restart'],
} as const;
/** It answers, or is on its way. */
const WELL: ReadonlySet<WorkerState> = new Set(['starting', 'loading', 'ready', 'busy', 'draining']);

export function addWorkerCommand(program: Command, run: RunCommand): void {
  const worker = program.command('worker').description('the supervised model server');

  worker
    .command('serve', { isDefault: true })
    .description('run it as a process of its own, which outlives the daemon (worker.supervisor = "process")')
    .action(() => run(async (context) => (await import('./worker-serve.ts')).runWorkerServe(context)));

  worker
    .command('status')
    .description('state, why, since when; exit 1 when it neither answers nor is on its way')
    .action(() =>
      run(async (context) => {
        await using admin = await openWorkerAdmin(context);
        const status = await admin.call('GET /worker');
        context.terminal.show(status, () => workerStatusText(status));
        return WELL.has(status.state) || status.isAsleep ? EXIT.ok : EXIT.finding;
      }),
    );

  for (const [verb, [description, route]] of Object.entries(WISHES)) {
    worker
      .command(verb)
      .description(description)
      .action(() =>
        run(async (context) => {
          await using admin = await openWorkerAdmin(context);
          const status = await admin.call(route);
          const next = verb === 'stop' ? undefined : nextStep(status);
          context.terminal.show(status, () =>
            [`${status.name}: ${status.state} (${status.reason})`, next ?? ''].join('\n').trim(),
          );
        }),
      );
  }

  worker
    .command('probe')
    .description('health, served model, one token; exit 1 if any of them fails')
    .action(() =>
      run(async (context) => {
        await using admin = await openWorkerAdmin(context);
        const probe = await admin.call('POST /worker/probe');
        context.terminal.show(probe, () => probeText(probe));
        return probe.ok ? EXIT.ok : EXIT.finding;
      }),
    );

  worker
    .command('logs')
    .description('what it wrote last')
    .option('-n, --lines <count>', 'how many lines', parseCount(0, 10_000), 100)
    .option('-f, --follow', 'and each new line, until Ctrl-C (with --json one object a line)')
    .action(({ lines, follow = false }: { lines: number; follow?: boolean }) =>
      run(async (context) => {
        await using admin = await openWorkerAdmin(context);
        if (follow) return await followLogs(context, admin, lines);
        const list = await admin.call('GET /worker/logs', { query: { limit: lines } });
        context.terminal.show(list, () => list.map(logLineText).join('\n'));
        return EXIT.ok;
      }),
    );
}

/** The daemon's, or, without one, what can still be said of a worker that is a process of its own. No store is made. */
async function openWorkerAdmin(context: CliContext): Promise<AdminClient> {
  return (await findAdminClient(context)) ?? openRunning(context);
}

async function followLogs({ terminal }: CliContext, admin: AdminClient, lines: number): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, onSignal);
  // The reader of a pipe went: `worker logs -f | head`.
  process.stdout.once('error', onSignal);
  let lastSeq: number | undefined;
  try {
    for await (const text of linesOf(
      admin.stream('GET /worker/logs', { query: { limit: lines, follow: 'true' } }, stop.signal),
    )) {
      // A beat of the connection.
      if (text === '') continue;
      const line = JSON.parse(text) as WorkerLogLine;
      const missing = lastSeq === undefined ? 0 : line.seq - lastSeq - 1;
      if (missing > 0) terminal.note(`(${missing} lines left out: they came faster than they were read)`);
      lastSeq = line.seq;
      terminal.write(`${terminal.json ? text : logLineText(line)}\n`);
    }
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
    throw new AppError('DRAINING', 'The daemon has gone', { hint: 'See: mem-agent status', cause: error });
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    process.stdout.off('error', onSignal);
  }
  if (!stop.signal.aborted) terminal.note('The daemon has ended.');
  return EXIT.ok;
}
