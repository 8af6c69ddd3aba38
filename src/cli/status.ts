// `mem-agent status`, `health` and `log-level`: how the running daemon is. No daemon, or an unwell one, is exit code 1.
import type { Command } from 'commander';
import { AppError } from '../lib/app-error.ts';
import type { Status } from './admin-api-table.ts';
import { findAdminClient, type AdminClient } from './admin-client.ts';
import type { CliContext } from './cli-context.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT, formatTable } from './terminal.ts';

export function addStatusCommands(program: Command, run: RunCommand): void {
  program
    .command('status')
    .description('the daemon, its listeners and every component')
    .action(() =>
      run(async (context) => {
        const status = await askStatus(context);
        context.terminal.show(status ?? STOPPED, () => (status === undefined ? STOPPED_TEXT : statusText(status)));
        return status === undefined ? EXIT.finding : EXIT.ok;
      }),
    );

  program
    .command('health')
    .description('exit 0 when every component is well, else 1 and why')
    .action(() =>
      run(async (context) => {
        const status = await askStatus(context);
        const { state, components } = status ?? STOPPED;
        const isWell = state === 'ready' && Object.values(components).every((part) => part.state === 'ok');
        const word = isWell ? 'ok' : status === undefined ? 'stopped' : 'degraded';
        context.terminal.show({ status: word, state, components }, () =>
          status === undefined ? STOPPED_TEXT : `${word} (${state})\n${componentTable(components)}`,
        );
        return isWell ? EXIT.ok : EXIT.finding;
      }),
    );

  program
    .command('log-level [level]')
    .description('show or change how much the running daemon logs')
    .action((level: string | undefined) =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const answer =
          level === undefined
            ? await admin.call('GET /log-level')
            : await admin.call('PUT /log-level', { body: { level } });
        context.terminal.show(answer, () => answer.level);
      }),
    );
}

const STOPPED: Pick<Status, 'state' | 'components'> = { state: 'stopped', components: {} };
const STOPPED_TEXT = 'No daemon runs. Start it: mem-agent serve';

/** Undefined when no daemon runs. */
async function askStatus(context: CliContext): Promise<Status | undefined> {
  await using admin = await findAdminClient(context);
  return admin?.isRunning === true ? await admin.call('GET /status') : undefined;
}

/** For what only a running daemon can do. */
export async function openRunning(context: CliContext): Promise<AdminClient> {
  const admin = await findAdminClient(context);
  if (admin?.isRunning === true) return admin;
  await admin?.[Symbol.asyncDispose]();
  throw new AppError('UNSUPPORTED', 'No mem-agent daemon is running', {
    hint: 'Start it: mem-agent serve, or systemctl start mem-agent',
  });
}

function statusText(status: Status): string {
  const listeners = Object.entries(status.listeners).map(([name, url]) => `  ${name.padEnd(6)} ${url}`);
  return [
    `mem-agent ${status.version}: ${status.state}, process ${status.pid}, since ${status.startedAt}`,
    ...listeners,
    `  state  ${status.stateDirectory}`,
    `  ${status.attachedClients} stdio client(s) attached`,
    componentTable(status.components),
  ].join('\n');
}

function componentTable(components: Status['components']): string {
  return formatTable(
    ['COMPONENT', 'STATE', 'SINCE', 'WHY'],
    Object.entries(components).map(([name, part]) => [name, part.state, part.sinceIso, part.reason]),
  );
}
