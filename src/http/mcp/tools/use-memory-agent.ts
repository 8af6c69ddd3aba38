// The tool every existing client knows: one question in plain words, answered by the agent over the notes.
import { z } from 'zod';
import { defineTool } from '../tool.ts';

export const useMemoryAgentTool = defineTool({
  name: 'use_memory_agent',
  title: 'Ask the memory',
  description:
    "Ask the user's long-term memory, or tell it something to keep. Pass what the user said word for word, first person included: " +
    'the memory agent resolves "I" and "my" itself, follows links between notes, and stores new facts when asked to remember them. ' +
    'Use it before answering anything that may depend on who the user is, whom they know, or what was decided before.',
  input: z.strictObject({
    question: z
      .string()
      .trim()
      .min(1)
      .max(32_768)
      .describe("The user's own words: a question about what is known, or a fact to remember"),
  }),
  output: z.object({
    reply: z.string(),
    backend: z.string().describe('What answered: a model backend, or "builtin" when no model was there'),
    model: z.string(),
    degraded: z.boolean().describe('true when a simpler fallback answered'),
    turns: z.number().int(),
  }),
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
  scope: 'agent',
  isLong: true,
  async run(context, { question }) {
    const result = await context.askAgent({
      question,
      principal: context.principal,
      requestId: context.requestId,
      signal: context.signal,
      onProgress: (message) => context.progress(message),
      auditCall: context.audit,
    });
    const { reply, backend, model, degraded, turns } = result;
    const { inputTokens, outputTokens, modelMs, costUsd, notesRead, notesWritten } = result;
    return {
      structured: { reply, backend, model, degraded, turns },
      text: reply,
      usage: { backend, inputTokens, outputTokens, modelMs, turns, costUsd, notesRead, notesWritten },
    };
  },
});
