// `mem-agent status`, `health` and `log-level`: how the running daemon is. No daemon, or an unwell one, is exit code 1.
import type { Command } from 'commander';
import type { ComponentHealth } from '../lib/component.ts';
import { openAdminClient } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT, formatTable } from './terminal.ts';

export interface Status {
  version: string;
  state: string;
  pid: number | null;
  startedAt: string | null;
  stateDirectory: string;
  listeners: Record<string, string>;
  attachedClients: number;
  components: Record<string, ComponentHealth>;
}

export function addStatusCommands(program: Command, run: RunCommand): void {
  program
    .command('status')
    .description('the daemon, its listeners and every component')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const status = (await admin.call('GET', '/status')) as Status;
        context.terminal.show(status, () =>
          admin.isRunning
            ? statusText(status)
            : `No daemon runs for ${status.stateDirectory}. Start it: mem-agent serve`,
        );
        return admin.isRunning ? EXIT.ok : EXIT.finding;
      }),
    );

  program
    .command('health')
    .description('exit 0 when every component is well, else 1 and why')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { state, components } = (await admin.call('GET', '/status')) as Status;
        const isWell = state === 'ready' && Object.values(components).every((part) => part.state === 'ok');
        const report = { status: isWell ? 'ok' : admin.isRunning ? 'degraded' : 'stopped', state, components };
        context.terminal.show(report, () =>
          admin.isRunning
            ? `${report.status} (${state})\n${componentTable(components)}`
            : 'stopped: no daemon runs. Start it: mem-agent serve',
        );
        return isWell ? EXIT.ok : EXIT.finding;
      }),
    );

  program
    .command('log-level [level]')
    .description('show or change how much the running daemon logs')
    .action((level: string | undefined) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const answer = (await (level === undefined
          ? admin.call('GET', '/log-level')
          : admin.call('PUT', '/log-level', { level }))) as { level: string };
        context.terminal.show(answer, () => answer.level);
      }),
    );
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

function componentTable(components: Record<string, ComponentHealth>): string {
  return formatTable(
    ['COMPONENT', 'STATE', 'SINCE', 'WHY'],
    Object.entries(components).map(([name, part]) => [name, part.state, part.sinceIso, part.reason]),
  );
}
