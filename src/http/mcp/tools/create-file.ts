// A new note, or a whole note replaced by a caller that proves it knows the version it replaces.
import { z } from 'zod';
import { uriOfPath } from '../note-uri.ts';
import { auditedEffect, defineTool } from '../tool.ts';

export const createFileTool = defineTool({
  name: 'create_file',
  title: 'Create a note',
  description:
    'Create a Markdown note. Directories on the way are made. A note that already exists is never overwritten, unless expected_version ' +
    'is the version you read with fetch. Put people, places and projects in entities/NAME.md and link them as [[entities/NAME]].',
  input: z.strictObject({
    path: z.string().min(1).max(4096).describe('Path inside the memory, ending in .md'),
    content: z.string().describe('The whole text of the note'),
    expected_version: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .describe('metadata.version from fetch, to replace that version'),
  }),
  output: z.object({ path: z.string(), url: z.string(), version: z.string(), created: z.boolean() }),
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  scope: 'memory:write',
  path: ({ path }) => path,
  async run(context, { path, content, expected_version: expectedVersion }) {
    const { version, created } = await context.root.writeNote(path, content, {
      expectedVersion: expectedVersion ?? null,
      beforeEffect: auditedEffect(context.audit),
    });
    return { structured: { path, url: uriOfPath(path), version, created }, usage: { notesWritten: 1 } };
  },
});
