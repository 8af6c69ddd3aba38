// The command line: reads arguments, runs one command, answers with the exit code (0 good, 1 refusal or finding, 2 wrong
// usage, 78 wrong configuration). Errors are one line with the fix; --debug adds the stack. Commands that need much code
// load it when they run.
import { Command, CommanderError } from 'commander';
import { readVersion } from '../daemon/version.ts';
import { addAskCommand } from './ask.ts';
import { addAuditCommand } from './audit.ts';
import { createCliContext } from './cli-context.ts';
import { parseCommandLine } from './command-line.ts';
import { addConfigCommand } from './config.ts';
import { addKeysCommand } from './keys.ts';
import { addModelsCommand } from './models.ts';
import type { RunCommand } from './run-command.ts';
import { addStatusCommands } from './status.ts';
import { createTerminal, EXIT } from './terminal.ts';
import { addUsageCommand } from './usage.ts';
import { addWorkerCommand } from './worker.ts';

export async function runCli(argv: readonly string[]): Promise<number> {
  const line = parseCommandLine(argv);
  let exitCode: number = EXIT.ok;

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

  const run: RunCommand = async (action) => {
    const {
      json = false,
      debug = false,
      config,
    } = program.opts<{ json?: boolean; debug?: boolean; config?: string }>();
    const terminal = createTerminal({
      json,
      debug,
      stdout: (text) => void process.stdout.write(text),
      stderr: (text) => void process.stderr.write(text),
    });
    try {
      exitCode = (await action(createCliContext({ terminal, line, configFile: config, debug }))) ?? EXIT.ok;
    } catch (error) {
      exitCode = terminal.fail(error);
    }
  };

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
  addWorkerCommand(program, run);
  addModelsCommand(program, run);
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

  endWhenReaderGoes();
  try {
    await program.parseAsync(line.rest, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Commander has said what is wrong; help and version are no errors.
    if (error.exitCode === 0) return EXIT.ok;
    if (line.rest.includes('--json'))
      process.stdout.write(`${JSON.stringify({ error: { code: 'USAGE', message: error.message } })}\n`);
    return EXIT.usage;
  }
  return exitCode;
}

/** `mem-agent audit export | head`: the pipe breaks, which is how it ends and no fault. */
function endWhenReaderGoes(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
