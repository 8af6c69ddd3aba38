// `mem-agent filters …`: the rules of what the agent does not tell (`answer`) and of what reaches no cloud model (`privacy`).
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { Filter } from './admin-api-table.ts';
import { ConfigError } from '../config/config-error.ts';
import { findAdminClient, openAdminClient, type AdminClient } from './admin-client.ts';
import type { CliContext } from './cli-context.ts';
import { EXIT, type ExitCode } from './terminal.ts';
import type { RunCommand } from './run-command.ts';

export function addFiltersCommand(program: Command, run: RunCommand): void {
  const filters = program.command('filters').description('rules of what is not told, and of what does not leave');

  filters
    .command('show [kind]')
    .description('the rules: answer, privacy, or both')
    .action((kind: string | undefined) =>
      run(async (context) => {
        await using admin = await openForRepair(context);
        if (kind === undefined) {
          const { items } = await admin.call('GET /filters');
          context.terminal.show(items, () => items.map(filterText).join('\n\n'));
          return tellProblems(context, items);
        }
        const filter = await admin.call('GET /filters/{kind}', { params: { kind } });
        context.terminal.show(filter, () => filter.text);
        return tellProblems(context, [filter]);
      }),
    );

  filters
    .command('set <kind> <file>')
    .description('replace the rules by those of a file, or of stdin with -; counts from the next question')
    .action((kind: string, file: string) =>
      run(async (context) => {
        const text = readText(file);
        await using admin = await openForRepair(context);
        const params = { kind };
        const { etag } = await admin.read('GET /filters/{kind}', { params });
        const filter = await admin.call('PUT /filters/{kind}', { params, body: { text }, ifMatch: etag });
        context.terminal.show(filter, () => `${filter.file ?? ''} is written.`);
      }),
    );
}

const RULE_FILES = { 'memory.filters_file': '', 'privacy.rules_file': '' };

/** A daemon that runs is reached even if the files of rules are what this configuration fails for: they are repaired here. */
async function openForRepair(context: CliContext): Promise<AdminClient> {
  try {
    return await openAdminClient(context);
  } catch (error) {
    const isAboutRules =
      error instanceof ConfigError && error.problems.every(({ key }) => Object.hasOwn(RULE_FILES, key));
    if (!isAboutRules) throw error;
    const client = await findAdminClient({ ...context, load: (flags) => context.load({ ...flags, ...RULE_FILES }) });
    if (client?.isRunning === true) return client;
    await client?.[Symbol.asyncDispose]();
    throw error;
  }
}

function tellProblems({ terminal }: CliContext, filters: readonly Filter[]): ExitCode {
  const problems = filters.flatMap(({ problem }) => problem ?? []);
  for (const { detail, hint } of problems) terminal.note(`${detail}. ${hint}`);
  return problems.length === 0 ? EXIT.ok : EXIT.finding;
}

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new AppError('INVALID_INPUT', `${file} cannot be read (${systemErrorCode(error) ?? 'unknown'})`, {
      hint: 'Name a file of rules, or - for stdin',
      cause: error,
    });
  }
}

function filterText({ kind, file, text }: Filter): string {
  return `# ${kind}: ${file ?? 'no file is configured (privacy.rules_file)'}\n${text.trimEnd()}`;
}
