// `mem-agent usage report`: calls, tokens and time, by key, tool, backend, hour, day or month; as a table, JSON or CSV.
import { Option, type Command } from 'commander';
import type { UsageReport } from './admin-api-table.ts';
import { openAdminClient } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

export function addUsageCommand(program: Command, run: RunCommand): void {
  program
    .command('usage')
    .description('what was used')
    .command('report')
    .option('--last <duration>', 'how far back, for example 7d; 30d unless --since is given')
    .option('--since <time>', 'a date, a time, or how long ago')
    .option('--until <time>', 'the same')
    .option('--by <groups>', 'of key, tool, backend, hour, day and month, with commas between', 'key')
    .addOption(new Option('--format <format>').choices(['table', 'csv']).default('table'))
    .action(({ format, ...query }: { by: string; format: string; last?: string; since?: string; until?: string }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        if (format === 'csv' && !context.terminal.json) {
          const pieces = admin.stream('GET /usage', { query: { ...query, format } });
          for await (const piece of pieces) context.terminal.write(piece);
          return;
        }
        const report = await admin.call('GET /usage', { query });
        context.terminal.show(report, () => usageTable(query.by, report.rows));
      }),
    );
}

function usageTable(by: string, rows: UsageReport['rows']): string {
  if (rows.length === 0) return 'Nothing was used in that time.';
  return formatTable(
    [
      by.toUpperCase(),
      'CALLS',
      'ERRORS',
      'REFUSED',
      'TOKENS IN',
      'TOKENS OUT',
      'MODEL S',
      'TURNS',
      'READ',
      'WRITTEN',
      'COST $',
    ],
    rows.map((row) => [
      row.group === '' ? '(none)' : row.group,
      ...[
        row.calls,
        row.errors,
        row.refused,
        row.inputTokens,
        row.outputTokens,
        Math.round(row.modelMs / 1000),
        row.turns,
        row.notesRead,
        row.notesWritten,
      ].map(String),
      row.costUsd.toFixed(4),
    ]),
  );
}
