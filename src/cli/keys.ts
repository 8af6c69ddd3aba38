// `mem-agent keys …`: make, list, change, revoke and rotate API keys. A key is printed once, when it is made.
import { InvalidArgumentError, type Command } from 'commander';
import type { CreatedKey, Key } from './admin-api-table.ts';
import { openAdminClient, type AdminInput } from './admin-client.ts';
import { allPages } from './all-pages.ts';
import { addPolicyOptions, policyFrom, policyText, type PolicyOptions } from './policy-options.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

interface SetOptions extends PolicyOptions {
  name?: string;
  scopes?: string;
  root?: string;
  expires?: string;
  cloudConsent?: boolean;
  cloudBudgetUsd?: number;
}

interface CreateOptions extends SetOptions {
  name: string;
  kind?: string;
}

const SCOPES_TEXT = 'agent, memory:read, memory:write, metrics, admin:read, admin:write';

export function addKeysCommand(program: Command, run: RunCommand): void {
  const keys = program.command('keys').description('API keys of clients and administrators');

  const create = keys
    .command('create')
    .description('make a key; it is shown this once')
    .requiredOption('--name <name>', 'who uses it, for example "claude laptop"')
    .option('--scopes <a,b>', SCOPES_TEXT)
    .option('--kind <kind>', 'client or admin')
    .option('--root <root>', 'memory root')
    .option('--expires <duration>', 'for example 90d')
    .option('--cloud-consent', 'its questions may go to a cloud model, screened for secrets')
    .option('--cloud-budget-usd <dollars>', 'what it may spend there in a month', parseDollars);
  addPolicyOptions(create).action((options: CreateOptions) =>
    run(async (context) => {
      await using admin = await openAdminClient(context);
      const policy = policyFrom(options, {});
      const body = { ...fieldsOf(options), name: options.name, kind: options.kind, expires: options.expires, policy };
      const key = await admin.call('POST /keys', { body });
      context.terminal.show(key, () => newKeyText(key));
    }),
  );

  keys
    .command('list')
    .description('all keys, revoked ones too')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const list = await allPages((query) => admin.call('GET /keys', { query }));
        context.terminal.show(list, () => keyTable(list));
      }),
    );

  const set = keys
    .command('set <id>')
    .description('change what a key may do; counts from its next request')
    .option('--name <name>', 'who uses it')
    .option('--scopes <a,b>', SCOPES_TEXT)
    .option('--root <root>', 'memory root')
    .option('--expires <duration>', 'from now on, for example 90d, or never')
    .option('--cloud-consent', 'its questions may go to a cloud model, screened for secrets')
    .option('--no-cloud-consent', 'nothing of it may leave this machine')
    .option('--cloud-budget-usd <dollars>', 'what it may spend there in a month', parseDollars);
  addPolicyOptions(set).action((id: string, options: SetOptions) =>
    run(async (context) => {
      await using admin = await openAdminClient(context);
      const params = { id };
      const { answer: before, etag } = await admin.read('GET /keys/{id}', { params });
      // What is given replaces that part of the policy; the rest of it stays.
      const policy = policyFrom(options, before.policy);
      const expires = options.expires === 'never' ? null : options.expires;
      const body = { ...fieldsOf(options), name: options.name, expires, policy };
      const key = await admin.call('PATCH /keys/{id}', { params, body, ifMatch: etag });
      context.terminal.show(key, () => changedKeyText(key));
    }),
  );

  keys
    .command('revoke <id>')
    .description('end a key at once')
    .action((id: string) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const key = await admin.call('DELETE /keys/{id}', { params: { id } });
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
        const key = await admin.call('POST /keys/{id}/rotate', { params: { id }, body: options });
        context.terminal.show(key, () => `${newKeyText(key)}\n${id} works for another ${options.overlap}.`);
      }),
    );
}

function fieldsOf({
  scopes,
  root,
  cloudConsent,
  cloudBudgetUsd,
}: SetOptions): Pick<
  AdminInput<'PATCH /keys/{id}'>['body'],
  'scopes' | 'root' | 'cloudConsent' | 'cloudBudgetUsdPerMonth'
> {
  const list = scopes
    ?.split(',')
    .map((scope) => scope.trim())
    .filter((scope) => scope !== '');
  return { scopes: list, root, cloudConsent, cloudBudgetUsdPerMonth: cloudBudgetUsd };
}

function changedKeyText(key: Key): string {
  return `${key.id} (${key.name}): scopes ${key.scopes.join(',')}, root ${key.root}, cloud ${cloudText(key)}, ${policyText(key.policy)}.`;
}

function newKeyText(key: CreatedKey): string {
  return `${key.key}\n\nid ${key.id}, scopes ${key.scopes.join(',')}, root ${key.root}, ${key.expiresAt === null ? 'no end' : `until ${key.expiresAt}`}, ${policyText(key.policy)}\nIt is not shown again.`;
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
    ['ID', 'NAME', 'KIND', 'STATE', 'SCOPES', 'ROOT', 'EXPIRES', 'LAST USED', 'CLOUD', 'POLICY'],
    list.map((key) => [
      key.id,
      key.name,
      key.kind,
      key.state,
      key.scopes.join(','),
      key.root,
      key.expiresAt ?? 'never',
      key.lastUsedAt ?? 'never',
      cloudText(key),
      policyText(key.policy),
    ]),
  );
}
