// `mem-agent filters …`: the rules of what the agent does not tell (`answer`) and of what reaches no cloud model (`privacy`).
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { Filter } from './admin-api-table.ts';
import { openAdminClient } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';

export function addFiltersCommand(program: Command, run: RunCommand): void {
  const filters = program.command('filters').description('rules of what is not told, and of what does not leave');

  filters
    .command('show [kind]')
    .description('the rules: answer, privacy, or both')
    .action((kind: string | undefined) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        if (kind === undefined) {
          const { items } = await admin.call('GET /filters');
          context.terminal.show(items, () => items.map(filterText).join('\n\n'));
          return;
        }
        const filter = await admin.call('GET /filters/{kind}', { params: { kind } });
        context.terminal.show(filter, () => filter.text);
      }),
    );

  filters
    .command('set <kind> <file>')
    .description('replace the rules by those of a file, or of stdin with -; counts from the next question')
    .action((kind: string, file: string) =>
      run(async (context) => {
        const text = readText(file);
        await using admin = await openAdminClient(context);
        const params = { kind };
        const { etag } = await admin.read('GET /filters/{kind}', { params });
        const filter = await admin.call('PUT /filters/{kind}', { params, body: { text }, ifMatch: etag });
        context.terminal.show(filter, () => `${filter.file ?? ''} is written.`);
      }),
    );
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
