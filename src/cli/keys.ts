// `mem-agent keys …`: make, list, change, revoke and rotate API keys. A key is printed once, when it is made.
import { InvalidArgumentError, type Command } from 'commander';
import { openAdminClient } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

interface Key {
  id: string;
  name: string;
  kind: string;
  scopes: string[];
  root: string;
  state: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  cloudConsent: boolean;
  cloudBudgetUsdPerMonth: number;
  key?: string;
}

interface CloudOptions {
  cloudConsent?: boolean;
  cloudBudgetUsd?: number;
}

interface CreateOptions extends CloudOptions {
  name: string;
  scopes?: string;
  kind?: string;
  root?: string;
  expires?: string;
}

export function addKeysCommand(program: Command, run: RunCommand): void {
  const keys = program.command('keys').description('API keys of clients and administrators');

  keys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--name <name>', 'who uses it, for example "claude laptop"')
    .option('--scopes <a,b>', 'agent, memory:read, memory:write, metrics, admin:read, admin:write')
    .option('--kind <kind>', 'client or admin')
    .option('--root <root>', 'memory root')
    .option('--expires <duration>', 'for example 90d')
    .option('--cloud-consent', 'its questions may go to a cloud model, screened for secrets')
    .option('--cloud-budget-usd <dollars>', 'what it may spend there in a month', parseDollars)
    .action((options: CreateOptions) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { scopes, cloudConsent, cloudBudgetUsd, ...rest } = options;
        const list = scopes
          ?.split(',')
          .map((scope) => scope.trim())
          .filter((scope) => scope !== '');
        const key = (await admin.call('POST', '/keys', {
          ...rest,
          cloudConsent,
          cloudBudgetUsdPerMonth: cloudBudgetUsd,
          ...(list === undefined ? {} : { scopes: list }),
        })) as Key;
        context.terminal.show(key, () => newKeyText(key));
      }),
    );

  keys
    .command('list')
    .description('all keys, revoked ones too')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const list = (await admin.call('GET', '/keys')) as Key[];
        context.terminal.show(list, () => keyTable(list));
      }),
    );

  keys
    .command('set <id>')
    .description('change what a key may send to cloud models; counts from its next request')
    .option('--cloud-consent', 'its questions may go to a cloud model, screened for secrets')
    .option('--no-cloud-consent', 'nothing of it may leave this machine')
    .option('--cloud-budget-usd <dollars>', 'what it may spend there in a month', parseDollars)
    .action((id: string, options: CloudOptions) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const key = (await admin.call('PATCH', `/keys/${encodeURIComponent(id)}`, {
          cloudConsent: options.cloudConsent,
          cloudBudgetUsdPerMonth: options.cloudBudgetUsd,
        })) as Key;
        context.terminal.show(key, () => `${key.id} (${key.name}): cloud ${cloudText(key)}.`);
      }),
    );

  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action((id: string) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const key = (await admin.call('DELETE', `/keys/${encodeURIComponent(id)}`)) as Key;
        context.terminal.show(key, () => `Revoked ${key.id} (${key.name}).`);
      }),
    );

  keys
    .command('rotate <id>')
    .description('make a successor; the old key works until the overlap ends')
    .option('--overlap <duration>', 'for example 24h, or 0', '24h')
    .action((id: string, options: { overlap: string }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const key = (await admin.call('POST', `/keys/${encodeURIComponent(id)}/rotate`, options)) as Key;
        context.terminal.show(key, () => `${newKeyText(key)}\n${id} works for another ${options.overlap}.`);
      }),
    );
}

function newKeyText(key: Key): string {
  return `${key.key ?? ''}\n\nid ${key.id}, scopes ${key.scopes.join(',')}, root ${key.root}, ${key.expiresAt === null ? 'no end' : `until ${key.expiresAt}`}\nIt is not shown again.`;
}

function parseDollars(text: string): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Give dollars as a number, for example 5 or 0.50.');
}

/** Both are needed before anything is sent, so one of them alone reads as what it is. */
function cloudText(key: Key): string {
  if (!key.cloudConsent) return 'no';
  return key.cloudBudgetUsdPerMonth === 0 ? 'agreed, but no budget' : `up to $${key.cloudBudgetUsdPerMonth} a month`;
}

function keyTable(list: readonly Key[]): string {
  if (list.length === 0)
    return 'There are no keys. Make one: mem-agent keys create --name NAME --scopes agent,memory:read';
  return formatTable(
    ['ID', 'NAME', 'KIND', 'STATE', 'SCOPES', 'EXPIRES', 'LAST USED', 'CLOUD'],
    list.map((key) => [
      key.id,
      key.name,
      key.kind,
      key.state,
      key.scopes.join(','),
      key.expiresAt ?? 'never',
      key.lastUsedAt ?? 'never',
      cloudText(key),
    ]),
  );
}
