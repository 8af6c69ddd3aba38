// `mem-agent roots list` and `mem-agent notes …`: where the notes are, and a look into them; each look is in the audit.
import { InvalidArgumentError, type Command } from 'commander';
import type { NoteEntry, NoteHit, Root } from './admin-api-table.ts';
import { openAdminClient } from './admin-client.ts';
import { allPages } from './all-pages.ts';
import type { RunCommand } from './run-command.ts';
import { formatTable } from './terminal.ts';

interface NoteOptions {
  root: string;
}

export function addNotesCommands(program: Command, run: RunCommand): void {
  program
    .command('roots')
    .description('memory roots')
    .command('list')
    .description('name, size, state of the index, directory')
    .action(() =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const list = await allPages((query) => admin.call('GET /roots', { query }));
        context.terminal.show(list, () => rootTable(list));
      }),
    );

  const notes = program.command('notes').description('the notes of a memory root');
  notes
    .command('list [prefix]')
    .description('all notes, or those whose path begins so')
    .option('--root <name>', 'memory root', 'default')
    .action((prefix: string | undefined, { root }: NoteOptions) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const list = await allPages((page) => admin.call('GET /notes', { query: { root, prefix, ...page } }));
        context.terminal.show(list, () => noteTable(list));
      }),
    );
  notes
    .command('read <path>')
    .description('the text of one note')
    .option('--root <name>', 'memory root', 'default')
    .action((path: string, { root }: NoteOptions) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const note = await admin.call('GET /notes/content', { query: { root, path } });
        const { terminal } = context;
        // A file or a program gets the note as it is.
        if (terminal.json || process.stdout.isTTY) terminal.show(note, () => note.text);
        else terminal.write(note.text);
      }),
    );
  notes
    .command('search <words...>')
    .description('the best notes for these words')
    .option('--root <name>', 'memory root', 'default')
    .option('-n, --limit <count>', 'how many, 1 to 100', parseLimit, 20)
    .action((words: string[], { root, limit }: NoteOptions & { limit: number }) =>
      run(async (context) => {
        await using admin = await openAdminClient(context);
        const { items } = await admin.call('GET /notes/search', { query: { root, q: words.join(' '), limit } });
        context.terminal.show(items, () => hitText(items));
      }),
    );
}

function parseLimit(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= 100) return Number(text);
  throw new InvalidArgumentError('Give a number from 1 to 100.');
}

function rootTable(list: readonly Root[]): string {
  return formatTable(
    ['NAME', 'NOTES', 'BYTES', 'INDEX', 'WRITABLE', 'DIRECTORY', 'WHY'],
    list.map((root) => [
      root.name,
      String(root.notes),
      String(root.sizeBytes),
      root.index,
      root.readOnly ? 'no' : 'yes',
      root.directory,
      root.reason,
    ]),
  );
}

function noteTable(list: readonly NoteEntry[]): string {
  if (list.length === 0) return 'There are no such notes.';
  return formatTable(
    ['BYTES', 'CHANGED', 'PATH'],
    list.map(({ path, sizeBytes, modifiedAt }) => [String(sizeBytes), modifiedAt, path]),
  );
}

function hitText(hits: readonly NoteHit[]): string {
  if (hits.length === 0) return 'Nothing was found.';
  return hits
    .map(({ path, title, snippet }) => `${path}  ${title}\n    ${snippet.replaceAll('\n', '\n    ')}`)
    .join('\n');
}
