// The command line: reads arguments, runs one command, answers with the exit code (0 good, 1 refusal or finding, 2 wrong
// usage, 78 wrong configuration). Errors are one line with the fix; --debug adds the stack.
import { CommanderError } from 'commander';
import { createCliContext } from './cli-context.ts';
import { parseCommandLine } from './command-line.ts';
import { buildProgram } from './program.ts';
import type { RunCommand } from './run-command.ts';
import { createTerminal, EXIT } from './terminal.ts';

export async function runCli(argv: readonly string[]): Promise<number> {
  const line = parseCommandLine(argv);
  let exitCode: number = EXIT.ok;

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
  const program = buildProgram(run);

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
