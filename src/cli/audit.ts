// `mem-agent audit …`: the newest records, the proof that none is missing or changed, and all of them as NDJSON.
import type { Command } from 'commander';
import { openAdminClient } from './admin-client.ts';
import { linesOf } from './lines-of.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT, formatTable } from './terminal.ts';

export interface AuditRow {
  seq: number;
  time: string;
  kind: string;
  actorId: string;
  transport: string;
  action: string;
  operation: string | null;
  path: string | null;
  outcome: string | null;
  code: string | null;
}

export function addAuditCommand(program: Command, run: RunCommand): void {
  const audit = program.command('audit').description('who did what, and the proof of it');

  audit
    .command('tail')
    .description('the newest records')
    .option('-n, --limit <count>', 'how many, 1 to 1000', '20')
    .action((options: { limit: string }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const rows = (await admin.call('GET', `/audit?limit=${encodeURIComponent(options.limit)}`)) as AuditRow[];
        context.terminal.show(rows, () => auditTable(rows));
      }),
    );

  audit
    .command('verify')
    .description('recompute the hash chain')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const result = (await admin.call('GET', '/audit/verify')) as {
          ok: boolean;
          records: number;
          firstBadSeq?: number;
          reason?: string;
        };
        const where = result.firstBadSeq === undefined ? '' : ` at record ${result.firstBadSeq}`;
        context.terminal.show(result, () =>
          result.ok
            ? `The chain is whole: ${result.records} records.`
            : `The chain is BROKEN${where}: ${result.reason ?? 'unknown'}. ${result.records} records before it are sound.`,
        );
        return result.ok ? EXIT.ok : EXIT.finding;
      }),
    );

  audit
    .command('export')
    .description('every record as NDJSON (with --json one array)')
    .option('--from <seq>', 'first record', '1')
    .action((options: { from: string }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { terminal } = context;
        let isFirst = true;
        if (terminal.json) terminal.write('[\n');
        for await (const line of linesOf(admin.stream(`/audit/export?from=${encodeURIComponent(options.from)}`))) {
          terminal.write(terminal.json ? `${isFirst ? '' : ',\n'}${line}` : `${line}\n`);
          isFirst = false;
        }
        if (terminal.json) terminal.write('\n]\n');
      }),
    );
}

export function auditTable(rows: readonly AuditRow[]): string {
  if (rows.length === 0) return 'No records yet.';
  return formatTable(
    ['SEQ', 'TIME', 'ACTOR', 'FROM', 'ACTION', 'WHAT', 'OUTCOME'],
    rows.map((row) => [
      String(row.seq),
      row.time,
      row.actorId,
      row.transport,
      row.action,
      [row.operation ?? row.kind, row.path ?? ''].join(' ').trim(),
      [row.outcome ?? '', row.code ?? ''].join(' ').trim(),
    ]),
  );
}
