// `fetch` in the exact shape that ChatGPT's connectors require: id, title, text, url, metadata.
import { z } from 'zod';
import { pathOfId, uriOfPath } from '../note-uri.ts';
import { defineTool } from '../tool.ts';

export const fetchTool = defineTool({
  name: 'fetch',
  title: 'Read a note',
  description:
    'Read one note in full. The id is a path such as "user.md" or "entities/anna.md", from search, list_files or a [[wikilink]]. ' +
    'metadata.version is what update_file and delete_file take as expected_version.',
  input: z.strictObject({ id: z.string().min(1).max(4096).describe('Path of the note, as search returns it') }),
  output: z.object({
    id: z.string(),
    title: z.string(),
    text: z.string(),
    url: z.string(),
    metadata: z.object({ version: z.string(), modified_at: z.string(), size_bytes: z.number().int() }),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'memory:read',
  path: ({ id }) => pathOfId(id),
  operations: ({ id }) => [{ operation: 'note.read', path: pathOfId(id) }],
  run(context, { id }) {
    const note = context.root.readNote(pathOfId(id));
    return {
      structured: {
        id: note.path,
        title: titleOf(note.path, note.text),
        text: note.text,
        url: uriOfPath(note.path),
        metadata: {
          version: note.version,
          modified_at: new Date(note.modifiedAtMs).toISOString(),
          size_bytes: note.sizeBytes,
        },
      },
      usage: { notesRead: 1 },
    };
  },
});

const MAX_TITLE_CHARACTERS = 200;

/** The first heading, else the file's name. What ends the heading is taken off by hand: a pattern for it goes back over a long line. */
export function titleOf(path: string, text: string): string {
  const heading = /^#{1,6}[ \t]+(\S.*)$/m.exec(text)?.[1]?.trimEnd();
  if (heading === undefined) return (path.split('/').at(-1) ?? path).replace(/\.md$/i, '');
  let end = heading.length;
  while (end > 1 && heading[end - 1] === '#') end -= 1;
  return heading.slice(0, end).trimEnd().slice(0, MAX_TITLE_CHARACTERS).toWellFormed();
}
