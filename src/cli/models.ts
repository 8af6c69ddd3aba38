// `mem-agent models …`: who may answer, in the order they are asked, and whether they do.
import type { Command } from 'commander';
import type { Backend, BackendTest } from './admin-api-table.ts';
import type { RunCommand } from './run-command.ts';
import { openRunning } from './status.ts';
import { EXIT, formatTable } from './terminal.ts';

/** A cloud offers hundreds. */
const SHOWN_MODELS = 3;
const SHOWN_TEXT_CHARS = 40;

export function addModelsCommand(program: Command, run: RunCommand): void {
  const models = program.command('models').description('the models that may answer');

  models
    .command('list')
    .description('every backend, the first to be asked on top, and what it offers')
    .action(() =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const list = await admin.call('GET /models');
        context.terminal.show(list, () => backendTable(list));
      }),
    );

  models
    .command('test [name]')
    .description('ask each, or the named one, a tiny question; exit 1 if one does not answer')
    .action((name: string | undefined) =>
      run(async (context) => {
        await using admin = await openRunning(context);
        const results = await admin.call('POST /models/test', { body: { name } });
        context.terminal.show(results, () => testTable(results));
        return results.every((result) => result.ok) ? EXIT.ok : EXIT.finding;
      }),
    );
}

const NONE = 'No model is configured: builtin answers. Set worker.profile or model.base_url.';

function backendTable(list: readonly Backend[]): string {
  if (list.length === 0) return NONE;
  return formatTable(
    ['NAME', 'PRIORITY', 'WHERE', 'STATE', 'BREAKER', 'RUNNING', 'MODELS', 'WHY'],
    list
      .toSorted((one, other) => one.priority - other.priority)
      .map((row) => [
        row.name,
        row.priority === Number.MAX_SAFE_INTEGER ? 'last' : String(row.priority),
        row.trust,
        row.state,
        row.breaker ?? '-',
        String(row.requestsRunning),
        row.error === undefined ? namesText(row.models) : `(${row.error.message})`,
        row.reason,
      ]),
  );
}

function namesText(names: readonly string[]): string {
  const more = names.length - SHOWN_MODELS;
  return `${names.slice(0, SHOWN_MODELS).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function testTable(results: readonly BackendTest[]): string {
  if (results.length === 0) return NONE;
  const table = formatTable(
    ['NAME', 'OK', 'MS', 'FIRST TOKEN MS', 'TOKENS IN', 'TOKENS OUT', 'COST $', 'MODEL', 'ANSWER'],
    results.map((row) => [
      row.name,
      row.ok ? 'yes' : 'no',
      row.durationMs.toFixed(0),
      row.timeToFirstTokenMs?.toFixed(0) ?? '-',
      String(row.inputTokens ?? '-'),
      String(row.outputTokens ?? '-'),
      row.costUsd?.toFixed(6) ?? '-',
      row.model ?? '-',
      row.error === undefined ? firstLine(row.text ?? '') : `${row.error.message} [${row.error.code}]`,
    ]),
  );
  const hints = results.flatMap(({ name, error }) => (error?.hint === undefined ? [] : [`${name}: ${error.hint}`]));
  return [table, ...hints].join('\n');
}

function firstLine(text: string): string {
  const line = text.replaceAll(/\p{Cc}+/gu, ' ').trim();
  return line.length <= SHOWN_TEXT_CHARS ? line : `${line.slice(0, SHOWN_TEXT_CHARS - 1)}…`;
}
