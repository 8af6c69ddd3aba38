// `mem-agent runs …`: the questions in flight, and the end of one. What was asked is not shown: nobody keeps it.
import type { Command } from 'commander';
import type { Run } from './admin-api-table.ts';
import { allPages } from './all-pages.ts';
import type { RunCommand } from './run-command.ts';
import { openRunning } from './status.ts';
import { formatTable } from './terminal.ts';

export function addRunsCommand(program: Command, run: RunCommand): void {
  const runs = program.command('runs').description('the questions in flight');

  runs
    .command('list')
    .description('who asked, since when, how far it is; oldest first')
    .action(() =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const list = await allPages((query) => admin.call('GET /runs', { query }));
        context.terminal.show(list, () => runTable(list));
      }),
    );

  runs
    .command('cancel <id>')
    .description('end one; who asked is told so')
    .action((id: string) =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const ended = await admin.call('DELETE /runs/{id}', { params: { id } });
        context.terminal.show(ended, () => `Ended ${ended.id} of ${ended.keyId}.`);
      }),
    );
}

function runTable(list: readonly Run[]): string {
  if (list.length === 0) return 'No question is in flight.';
  return formatTable(
    ['ID', 'KEY', 'ROOT', 'STATE', 'ASKED', 'STARTED', 'TURNS', 'BACKEND'],
    list.map((row) => [
      row.id,
      row.keyId,
      row.root,
      row.state,
      row.queuedAt,
      row.startedAt ?? '-',
      String(row.turns),
      row.backend ?? '-',
    ]),
  );
}
