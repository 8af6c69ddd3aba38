// `mem-agent audit`: search and follow the records, have the chain proven, and all of it as NDJSON.
import type { Command } from 'commander';
import type { AuditPage, AuditRecord } from './admin-api-table.ts';
import { addAuditProofCommands } from './audit-proof.ts';
import { openAdminClient, type AdminInput } from './admin-client.ts';
import { linesOf } from './lines-of.ts';
import { parseCount } from './parse-count.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

/** More is an export's work. */
const MOST_RECORDS = 100_000;

type AuditQuery = AdminInput<'GET /audit'>['query'];

/** The command's option and the search's word for it. */
const SEARCH_OPTIONS = {
  who: 'actor',
  kind: 'actorKind',
  action: 'action',
  path: 'path',
  operation: 'operation',
  call: 'call',
  request: 'request',
  outcome: 'outcome',
  code: 'code',
  root: 'root',
  since: 'since',
  until: 'until',
} as const;

export function addAuditCommand(program: Command, run: RunCommand): void {
  const audit = program.command('audit').description('who did what, and the proof of it');

  audit
    .command('tail')
    .description('the newest records')
    .option('-n, --limit <count>', 'how many, 1 to 1000', parseCount(1, 1000), 20)
    .action((options: { limit: number }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const page = await admin.call('GET /audit', { query: options });
        const rows = page.items.reverse();
        context.terminal.show(rows, () => auditTable(rows));
      }),
    );

  audit
    .command('search')
    .description('the records that fit, the newest first')
    .option('--who <id>', 'id of the key or caller')
    .option('--kind <kind>', 'kind of caller: key, jwt, local or system')
    .option('--action <action>', 'for example tool.fetch, or tool.* for all that begin so')
    .option('--path <path>', 'of the note; entities/* for all that begin so')
    .option('--operation <operation>', 'for example note.write')
    .option('--call <id>', 'the records of one call')
    .option('--request <id>', 'the id in an answer or in the log')
    .option('--outcome <outcome>', 'ok, error, denied or cancelled')
    .option('--code <code>', 'for example PATH_REFUSED')
    .option('--root <name>', 'the memory root')
    .option('--security', 'only security events')
    .option('--since <time>', 'a date, a time, or how long ago: 7d')
    .option('--until <time>', 'the same')
    .option('-n, --limit <count>', 'how many at most', parseCount(1, MOST_RECORDS), 50)
    .action(({ limit: most, ...options }: { limit: number } & Record<string, string | number | true>) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const wanted = Object.entries(SEARCH_OPTIONS).map(([option, name]) => [name, options[option]]);
        const query: AuditQuery = {
          ...Object.fromEntries(wanted),
          ...(options['security'] === true && { security: 'true' }),
        };
        const rows = await collect(most, (limit, cursor) =>
          admin.call('GET /audit', { query: { ...query, limit, cursor } }),
        );
        context.terminal.show(rows, () => (rows.length === 0 ? 'No record matches.' : auditTable(rows)));
      }),
    );

  addAuditProofCommands(audit, run);

  audit
    .command('export')
    .description('every record as NDJSON (with --json one array)')
    .option('--from <seq>', 'first record', '1')
    .option('--since <time>', 'a date, a time, or how long ago: 7d')
    .option('--until <time>', 'the same')
    .option('--checkpoints', 'the signed checkpoints instead, the newest first')
    .action(({ checkpoints, ...options }: { from: string; since?: string; until?: string; checkpoints?: true }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { terminal } = context;
        if (checkpoints === true) {
          const { items } = await admin.call('GET /audit/checkpoints', { query: { limit: '1000' } });
          terminal.show(items, () => items.map((item) => JSON.stringify(item)).join('\n'));
          return;
        }
        let isFirst = true;
        if (terminal.json) terminal.write('[\n');
        for await (const line of linesOf(admin.stream('GET /audit/export', { query: options }))) {
          terminal.write(terminal.json ? `${isFirst ? '' : ',\n'}${line}` : `${line}\n`);
          isFirst = false;
        }
        if (terminal.json) terminal.write('\n]\n');
      }),
    );
}

/** Follows the cursors, because a page may be short. */
async function collect(
  wanted: number,
  ask: (limit: number, cursor: string | undefined) => Promise<AuditPage>,
): Promise<AuditRecord[]> {
  const rows: AuditRecord[] = [];
  let cursor: string | undefined;
  do {
    const page = await ask(Math.min(wanted - rows.length, 1000), cursor);
    rows.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && rows.length < wanted);
  return rows;
}

export function auditTable(rows: readonly AuditRecord[]): string {
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
