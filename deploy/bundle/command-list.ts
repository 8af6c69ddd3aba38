// Every command with what it takes, read from the program's own tree, for the manual and the completion.
import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/program.ts';

export interface CommandEntry {
  /** `keys create`; empty for the program itself. */
  path: string;
  /** `[options] <id>`. */
  usage: string;
  description: string;
  options: readonly { flags: string; names: readonly string[]; description: string }[];
  subcommands: readonly string[];
}

export function describeCommands(): CommandEntry[] {
  return describe(
    buildProgram(async () => undefined),
    [],
  );
}

function describe(command: Command, path: readonly string[]): CommandEntry[] {
  const own: CommandEntry = {
    path: path.join(' '),
    usage: command.usage(),
    description: command.description(),
    options: command.options.map(({ flags, long, short, description }) => ({
      flags,
      names: [long, short].filter((name) => typeof name === 'string'),
      description,
    })),
    subcommands: command.commands.map((child) => child.name()),
  };
  return [own, ...command.commands.flatMap((child) => describe(child, [...path, child.name()]))];
}
