// The tree of commands: what each is called, what it takes, and which file does it. Built without running anything, so that
// the manual page and the shell completion are made from it. Commands that need much code load it when they run.
import { Command } from 'commander';
import { readVersion } from '../daemon/version.ts';
import { addAskCommand } from './ask.ts';
import { addAuditCommand } from './audit.ts';
import { addConfigCommand } from './config.ts';
import { addDashboardCommand } from './dashboard.ts';
import { addFiltersCommand } from './filters.ts';
import { addKeysCommand } from './keys.ts';
import { addModelsCommand } from './models.ts';
import { addNginxCommand } from './nginx.ts';
import { addNotesCommands } from './notes.ts';
import type { RunCommand } from './run-command.ts';
import { addRunsCommand } from './runs.ts';
import { addStatusCommands } from './status.ts';
import { addUsageCommand } from './usage.ts';
import { addWorkerCommand } from './worker.ts';

export function buildProgram(run: RunCommand): Command {
  const program = new Command('mem-agent')
    .description('One private, durable memory for every AI client')
    .option('--json', 'one JSON document on stdout, nothing else')
    .option('--config <file>', 'read this TOML file over the others')
    .option('--debug', 'verbose logs, and where an error came from')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see mem-agent --help)')
    .addHelpText(
      'after',
      '\nAny setting is a flag as well, for example --http.listen 127.0.0.1:9000; see: mem-agent config print --explain',
    );
  program
    .command('serve')
    .description('run the daemon in the foreground')
    .action(() => run(async (context) => (await import('./serve.ts')).runServe(context)));
  program
    .command('stdio')
    .description('MCP over stdin and stdout; starts a daemon if none runs')
    .action(() => run(async (context) => (await import('./stdio.ts')).runStdio(context)));
  addAskCommand(program, run);
  addKeysCommand(program, run);
  addAuditCommand(program, run);
  addUsageCommand(program, run);
  addConfigCommand(program, run);
  addStatusCommands(program, run);
  addDashboardCommand(program, run);
  addWorkerCommand(program, run);
  addModelsCommand(program, run);
  addFiltersCommand(program, run);
  addRunsCommand(program, run);
  addNotesCommands(program, run);
  addNginxCommand(program, run);
  program
    .command('demo')
    .description('five questions and one fact on a sample memory, then all is cleaned up')
    .action(() => run(async (context) => (await import('./demo.ts')).runDemo(context)));
  program
    .command('version')
    .description('version of mem-agent and of its runtime')
    .action(() =>
      run(async ({ terminal }) => {
        const version = { version: readVersion(), node: process.versions.node };
        terminal.show(version, () => `mem-agent ${version.version} (Node ${version.node})`);
      }),
    );
  return program;
}
