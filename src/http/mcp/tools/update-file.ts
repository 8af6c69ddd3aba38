// One exact passage of a note replaced by another, under the root's lock, so that two clients never lose each other's words.
import { z } from 'zod';
import { uriOfPath } from '../note-uri.ts';
import { auditedEffect, defineTool } from '../tool.ts';

export const updateFileTool = defineTool({
  name: 'update_file',
  title: 'Change a note',
  description:
    'Replace the first occurrence of old_content in a note by new_content. old_content must be an exact passage of the note. ' +
    'With expected_version the change is refused if somebody else changed the note since you read it.',
  input: z.strictObject({
    path: z.string().min(1).max(4096).describe('Path of the note'),
    old_content: z.string().min(1).describe('Exact passage to replace'),
    new_content: z.string().describe('What to put there'),
    expected_version: z.string().min(1).max(64).optional().describe('metadata.version from fetch'),
  }),
  output: z.object({ path: z.string(), url: z.string(), version: z.string() }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  scope: 'memory:write',
  path: ({ path }) => path,
  async run(context, { path, old_content: oldContent, new_content: newContent, expected_version: expectedVersion }) {
    const { version } = await context.root.replaceInNote(path, oldContent, newContent, {
      ...(expectedVersion !== undefined && { expectedVersion }),
      beforeEffect: auditedEffect(context.audit),
    });
    return { structured: { path, url: uriOfPath(path), version }, usage: { notesWritten: 1 } };
  },
});
