// The tree of the memory, always read from the disk.
import { z } from 'zod';
import { defineTool } from '../tool.ts';

export const listFilesTool = defineTool({
  name: 'list_files',
  title: 'List notes',
  description:
    'Show all notes of the memory as a directory tree. Prefer search when you look for something; use this to learn how the notes are organised.',
  input: z.strictObject({}),
  output: z.object({ tree: z.string() }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'memory:read',
  operations: () => [{ operation: 'note.list' }],
  run(context) {
    const tree = context.root.tree();
    return { structured: { tree }, text: tree };
  },
});
