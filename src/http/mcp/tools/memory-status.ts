// How the memory is: size, index, and whether it can be written; and what this caller may do with it.
import { z } from 'zod';
import { defineTool } from '../tool.ts';

export const memoryStatusTool = defineTool({
  name: 'memory_status',
  title: 'Memory status',
  description:
    'How many notes the memory holds, how large it is, whether the search index is complete, whether it can be written, and what this connection may do.',
  input: z.strictObject({}),
  output: z.object({
    root: z.string(),
    notes: z.number().int(),
    size_bytes: z.number(),
    index: z.object({
      state: z.enum(['building', 'ready', 'failed']),
      indexed_notes: z.number().int(),
      lag_ms: z.number(),
    }),
    writable: z.boolean(),
    reason: z.string(),
    scopes: z.array(z.string()),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'memory:read',
  operations: () => [{ operation: 'memory.status' }],
  run(context) {
    const status = context.root.status();
    return {
      structured: {
        root: context.root.name,
        notes: status.notes,
        size_bytes: status.sizeBytes,
        index: { state: status.index, indexed_notes: status.indexedNotes, lag_ms: status.indexLagMs },
        writable: status.writable,
        reason: status.reason,
        scopes: [...context.principal.scopes]
          .filter((scope) => scope === 'agent' || scope.startsWith('memory:'))
          .toSorted(),
      },
    };
  },
});
