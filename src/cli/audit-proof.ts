// `mem-agent audit verify`, `checkpoint`, `public-key`: the proof of the audit, also against what was kept elsewhere.
import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { verifyAuditArchive } from '../audit/audit-archive.ts';
import { findCheckpoints } from '../audit/checkpoint.ts';
import { parsePublicKeys } from '../audit/signing-key.ts';
import { AppError } from '../lib/app-error.ts';
import { openAdminClient, type AdminAnswer } from './admin-client.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT } from './terminal.ts';

interface VerifyOptions {
  checkpoint: string[];
  publicKey: string[];
  archive: string[];
}

type Verdict = AdminAnswer<'GET /audit/verify'>;

/** The API takes so many; of a long log the newest say all that the older ones say. */
const MOST_CHECKPOINTS = 1000;

export function addAuditProofCommands(audit: Command, run: RunCommand): void {
  const several = (value: string, before: string[]): string[] => [...before, value];

  audit
    .command('verify')
    .description('recompute the hash chain; with a checkpoint kept elsewhere also against a rewrite of all of it')
    .option('--checkpoint <file|text>', 'a checkpoint, or a file (a log) with some in it; may be repeated', several, [])
    .option('--public-key <file>', 'believe only what this key signed; may be repeated', several, [])
    .option('--archive <file>', 'what retention removed, the oldest first; may be repeated', several, [])
    .action((options: VerifyOptions) =>
      run(async (context) => {
        const publicKeys = options.publicKey.map((file) => readFileSync(file, 'utf8'));
        const checkpoints = options.checkpoint.flatMap(readCheckpoints).slice(-MOST_CHECKPOINTS);
        await using admin = await openAdminClient(context);
        const isAsked = checkpoints.length + publicKeys.length > 0;
        const chain = isAsked
          ? await admin.call('POST /audit/verify', { body: { checkpoints, publicKeys } })
          : await admin.call('GET /audit/verify');
        const verdict = await withArchives(chain, options.archive, publicKeys.flatMap(parsePublicKeys));
        context.terminal.show(verdict, () => describe(verdict));
        return verdict.ok ? EXIT.ok : EXIT.finding;
      }),
    );

  audit
    .command('checkpoint')
    .description('the newest signed checkpoint, to be kept elsewhere')
    .option('--now', 'sign the newest record first')
    .action(({ now }: { now?: true }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const answer =
          now === true
            ? await admin.call('POST /audit/checkpoints')
            : await admin.call('GET /audit/checkpoints', { query: { limit: '1' } });
        const [newest] = answer.items;
        context.terminal.show(newest ?? null, () => newest?.text ?? 'No checkpoint yet.');
        return newest === undefined ? EXIT.finding : EXIT.ok;
      }),
    );

  audit
    .command('public-key')
    .description('the key that checkpoints are checked with, to be kept elsewhere')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { publicKey, items } = await admin.call('GET /audit/checkpoints', { query: { limit: '1' } });
        // Without a daemon no key is loaded; the last checkpoint names it.
        const key = publicKey ?? items[0]?.key;
        context.terminal.show({ publicKey: key ?? null }, () => key ?? 'No key has signed yet.');
        return key === undefined ? EXIT.finding : EXIT.ok;
      }),
    );
}

function readCheckpoints(given: string): string[] {
  const found = findCheckpoints(existsSync(given) ? readFileSync(given, 'utf8') : given);
  if (found.length > 0) return found;
  throw new AppError('INVALID_INPUT', `There is no checkpoint in ${given.slice(0, 80)}`, {
    hint: 'Give the line that "mem-agent audit checkpoint" printed, or a file that holds it',
  });
}

/** Each archive proves itself, begins where the one before ended, and the last one ends where the chain begins. */
async function withArchives(chain: Verdict, files: readonly string[], publicKeys: readonly string[]): Promise<Verdict> {
  let records = chain.records;
  let end: { seq: number; hash: string } | undefined;
  for (const file of files) {
    const found = await verifyAuditArchive(file, publicKeys);
    const { after, last } = found;
    if (!found.ok || last === undefined) return { ok: false, records, reason: `${file}: ${found.reason ?? 'unknown'}` };
    if (end !== undefined && after?.hash !== end.hash) {
      return { ok: false, records, reason: `${file} does not begin where the one before ended` };
    }
    end = last;
    records += found.records;
  }
  if (!chain.ok || end === undefined) return chain;
  if (end.hash === chain.anchor?.hash) return { ...chain, records };
  return { ok: false, records, reason: 'the chain does not begin where the last archive ends' };
}

function describe({ ok, records, firstBadSeq, reason = 'unknown', anchor, checkpoints = 0 }: Verdict): string {
  const where = firstBadSeq === undefined ? '' : ` at record ${firstBadSeq}`;
  if (!ok) return `The chain is BROKEN${where}: ${reason}. ${records} records before it are sound.`;
  const since = anchor === undefined ? '' : `, older ones up to ${anchor.seq} were removed by retention`;
  return `The chain is whole: ${records} records${since}. ${checkpoints} signed checkpoints agree.`;
}
