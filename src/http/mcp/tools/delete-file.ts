// A note removed, if it still is what the caller read.
import { z } from 'zod';
import { auditedEffect, defineTool } from '../tool.ts';

export const deleteFileTool = defineTool({
  name: 'delete_file',
  title: 'Delete a note',
  description:
    'Delete one note. With expected_version the note is kept if somebody else changed it since you read it. Ask the user first.',
  input: z.strictObject({
    path: z.string().min(1).max(4096).describe('Path of the note'),
    expected_version: z.string().min(1).max(64).optional().describe('metadata.version from fetch'),
  }),
  output: z.object({ path: z.string(), deleted: z.boolean() }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  scope: 'memory:write',
  path: ({ path }) => path,
  async run(context, { path, expected_version: expectedVersion }) {
    await context.root.deleteNote(path, {
      ...(expectedVersion !== undefined && { expectedVersion }),
      beforeEffect: auditedEffect(context.audit),
    });
    return { structured: { path, deleted: true }, usage: { notesWritten: 1 } };
  },
});
