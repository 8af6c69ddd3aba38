// `mem-agent config …`: what is configured and why, whether it is right, and making a running daemon read it again.
import { join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError } from '../config/config-error.ts';
import { explainConfig, type ExplainedKey } from '../config/explain.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import type { Setting } from './admin-api-table.ts';
import { openAdminAt, type AdminClient } from './admin-client.ts';
import type { CliContext } from './cli-context.ts';
import { PACKAGED_PLACES } from './find-daemon.ts';
import type { RunCommand } from './run-command.ts';
import { openRunning } from './status.ts';
import { formatTable } from './terminal.ts';

export function addConfigCommand(program: Command, run: RunCommand): void {
  const config = program.command('config').description('settings and where they come from');

  config
    .command('print')
    .description('every setting; secrets are masked')
    .option('--explain', 'with the source that won')
    .option('--running', 'as the running daemon has it')
    .action((options: { explain?: boolean; running?: boolean }) =>
      run(async (context) => {
        const rows = options.running === true ? await runningRows() : explainConfig(context.load());
        const plain = (): unknown => Object.fromEntries(rows.map((row) => [row.key, row.value]));
        context.terminal.show(options.explain === true ? rows : plain(), () =>
          settingsTable(rows, options.explain === true),
        );

        async function runningRows(): Promise<Setting[]> {
          await using admin = await openRunning(context);
          return (await admin.call('GET /config')).items;
        }
      }),
    );

  config
    .command('check')
    .description('say everything that is wrong; exit 78 if anything is')
    .action(() =>
      run(async (context) => {
        const { warnings, files } = context.load();
        context.terminal.show({ ok: true, files, warnings }, () => checkText({ warnings, files }));
      }),
    );

  config
    .command('reload')
    .description('make the running daemon read its configuration again')
    .action(() =>
      run(async (context) => {
        await using admin = await openToReload(context);
        const result = await admin.call('POST /config/reload');
        const say = (what: string, keys: string[]): string =>
          `${what}: ${keys.length === 0 ? 'nothing' : keys.join(', ')}`;
        context.terminal.show(
          result,
          () => `${say('Applied', result.applied)}\n${say('Needs a restart', result.needRestart)}`,
        );
      }),
    );
}

/**
 * The daemon, also when the configuration is wrong here: to say what is wrong with it is the daemon's part. As ExecReload=
 * of its unit this process may not read the credentials either.
 */
async function openToReload(context: CliContext): Promise<AdminClient> {
  try {
    return await openRunning(context);
  } catch (error) {
    if (!(error instanceof ConfigError) || context.daemonArguments.length > 0) throw error;
    const [ofUnit = PACKAGED_PLACES.runtimeDirectory] = (process.env['RUNTIME_DIRECTORY'] ?? '')
      .split(':')
      .filter(Boolean);
    const admin = await openAdminAt(join(ofUnit, 'admin.sock'));
    if (admin === undefined) throw error;
    return admin;
  }
}

function settingsTable(rows: readonly ExplainedKey[], withSource: boolean): string {
  const text = (value: ExplainedKey['value']): string => JSON.stringify(value);
  if (!withSource) return rows.map((row) => `${row.key} = ${text(row.value)}`).join('\n');
  return formatTable(
    ['KEY', 'VALUE', 'SOURCE'],
    rows.map((row) => [row.key, text(row.value), row.source]),
  );
}

function checkText({ files, warnings }: Pick<LoadedConfig, 'files' | 'warnings'>): string {
  const read = files.length === 0 ? 'no configuration file; defaults, environment and flags' : files.join(', ');
  return [`The configuration is right (${read}).`, ...warnings.map((warning) => `Warning: ${warning}`)].join('\n');
}
