// `mem-agent usage report`: calls, tokens and time, per key, tool, backend or day.
import type { Command } from 'commander';
import type { UsageReport } from './admin-api-table.ts';
import { openAdminClient } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

export function addUsageCommand(program: Command, run: RunCommand): void {
  program
    .command('usage')
    .description('what was used')
    .command('report')
    .option('--last <duration>', 'how far back, for example 7d', '30d')
    .option('--by <group>', 'key, tool, backend or day', 'key')
    .action((options: { last: string; by: string }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const report = await admin.call('GET /usage', { query: options });
        context.terminal.show(report, () => usageTable(options.by, report.rows));
      }),
    );
}

function usageTable(by: string, rows: UsageReport['rows']): string {
  if (rows.length === 0) return 'Nothing was used in that time.';
  return formatTable(
    [by.toUpperCase(), 'CALLS', 'ERRORS', 'TOKENS IN', 'TOKENS OUT', 'MODEL S', 'TURNS', 'READ', 'WRITTEN', 'COST $'],
    rows.map((row) => [
      row.group === '' ? '(none)' : row.group,
      ...[
        row.calls,
        row.errors,
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
