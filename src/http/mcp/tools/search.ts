// `search` in the exact shape that ChatGPT's connectors require: results of id, title and url, nothing else.
import { z } from 'zod';
import { uriOfPath } from '../note-uri.ts';
import { defineTool } from '../tool.ts';

const MAX_RESULTS = 20;

export const searchTool = defineTool({
  name: 'search',
  title: 'Search notes',
  description:
    'Full-text search over the notes of the memory. Returns the best matching notes, best first; read one with fetch and its id. ' +
    'Give the words that matter (names, places, topics), not a sentence.',
  input: z.strictObject({ query: z.string().trim().min(1).max(1024).describe('Words to look for') }),
  output: z.object({
    results: z.array(
      z.object({ id: z.string().describe('Path of the note, for fetch'), title: z.string(), url: z.string() }),
    ),
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'memory:read',
  operations: () => [{ operation: 'note.search' }],
  async run(context, { query }) {
    const hits = await context.root.search(query, MAX_RESULTS);
    return {
      structured: { results: hits.map((hit) => ({ id: hit.path, title: hit.title, url: uriOfPath(hit.path) })) },
    };
  },
});
